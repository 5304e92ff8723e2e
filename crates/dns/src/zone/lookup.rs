//! Finding a name in a zone: RFC 1034 section 4.3.2 step 3, as RFC 4592 and
//! RFC 6672 word it.

use super::{Name, Node, Rrset, Rtype, Zone};

/// What a zone has at a name.
#[derive(Debug)]
pub enum Found<'z> {
    /// The name exists, or a wildcard stands for it. The node may be without
    /// any data: an empty non-terminal.
    Here(&'z Node),
    /// The name is at or below a zone cut: another server is to be asked.
    Delegated {
        /// Owner of the name server set.
        cut: Name,
        /// The name servers.
        servers: &'z Rrset,
    },
    /// The name is below a DNAME.
    Renamed {
        /// Owner of the DNAME.
        owner: Name,
        /// The DNAME.
        dname: &'z Rrset,
    },
    /// Neither the name nor any below it exists, nor a wildcard for it.
    Nowhere,
}

impl Zone {
    /// Looks `name` up for a question of type `qtype`. `None` when the name is
    /// outside this zone. The name must be in lower case.
    #[must_use]
    pub fn find(&self, name: &Name, qtype: Rtype) -> Option<Found<'_>> {
        let labels = name.labels_below(&self.origin)?;
        let mut node = &self.apex;
        for (depth, label) in labels.iter().enumerate().rev() {
            if let Some(dname) = node.get(Rtype::DNAME) {
                let owner = Name::join(&labels[depth + 1..], &self.origin).ok()?;
                return Some(Found::Renamed { owner, dname });
            }
            let Some(child) = node.child(label) else {
                // The closest encloser is `node`: only a wildcard directly below
                // it may stand in (RFC 4592 section 3.3.1).
                return Some(node.child(b"*").map_or(Found::Nowhere, Found::Here));
            };
            node = child;
            // The parent's side of a cut owns the DS (RFC 4035 section 3.1.4.1).
            let parent_side = depth == 0 && qtype == Rtype::DS;
            if let (Some(servers), false) = (node.get(Rtype::NS), parent_side) {
                let cut = Name::join(&labels[depth..], &self.origin).ok()?;
                return Some(Found::Delegated { cut, servers });
            }
        }
        Some(Found::Here(node))
    }

    /// The node of exactly this name, zone cuts or not: how glue is found.
    #[must_use]
    pub fn node(&self, name: &Name) -> Option<&Node> {
        let labels = name.labels_below(&self.origin)?;
        labels
            .iter()
            .rev()
            .try_fold(&self.apex, |node, label| node.child(label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zonefile::parse;

    /// The zone of RFC 4592 section 2.2.1.
    const EXAMPLE: &str = "\
$TTL 3600
@ IN SOA ns.example.com. admin.example.com. 1 3600 600 86400 300
@ NS ns.example.com.
* TXT \"this is a wildcard\"
* MX 10 host1.example.
sub.* TXT \"this is not a wildcard\"
host1 A 192.0.2.1
_ssh._tcp.host1 SRV 0 0 22 host1
_ssh._tcp.host2 SRV 0 0 22 host1
subdel NS ns.example.com.
subdel NS ns.example.net.
old DNAME new.example.org.
";

    fn name(text: &str) -> Name {
        Name::from_labels(text.split('.').filter(|l| !l.is_empty()).map(str::as_bytes)).expect("a name")
    }

    fn found(text: &str, rtype: Rtype) -> String {
        let zone = parse(EXAMPLE, &name("example")).expect("a zone");
        match zone.find(&name(text), rtype) {
            None => "outside".into(),
            Some(Found::Nowhere) => "nowhere".into(),
            Some(Found::Delegated { cut, servers }) => format!("delegated at {cut} to {}", servers.rdata.len()),
            Some(Found::Renamed { owner, .. }) => format!("renamed at {owner}"),
            Some(Found::Here(node)) => match node.get(rtype) {
                Some(set) => format!("{} of {rtype}", set.rdata.len()),
                None => "no data".into(),
            },
        }
    }

    #[test]
    fn rfc4592_2_2_1_the_answers_of_the_example() {
        // Synthesised from the wildcard.
        assert_eq!(found("host3.example", Rtype::MX), "1 of MX");
        assert_eq!(found("host3.example", Rtype::A), "no data");
        assert_eq!(found("foo.bar.example", Rtype::TXT), "1 of TXT");
        // Not synthesised: the name exists.
        assert_eq!(found("host1.example", Rtype::MX), "no data");
        // The asterisk's own child is no wildcard.
        assert_eq!(found("sub.*.example", Rtype::MX), "no data");
        // host1's closest encloser is itself, and it has no wildcard.
        assert_eq!(found("_telnet._tcp.host1.example", Rtype::SRV), "nowhere");
        assert_eq!(
            found("host.subdel.example", Rtype::A),
            "delegated at subdel.example. to 2"
        );
        // The closest encloser is the asterisk, which has no wildcard below it.
        assert_eq!(found("ghost.*.example", Rtype::MX), "nowhere");
    }

    #[test]
    fn rfc4592_2_2_2_an_empty_non_terminal_exists() {
        assert_eq!(found("_tcp.host1.example", Rtype::A), "no data");
        assert_eq!(found("host2.example", Rtype::MX), "no data");
        assert_eq!(found("_tcp.host2.example", Rtype::TXT), "no data");
    }

    #[test]
    fn rfc4035_3_1_4_1_the_parent_owns_the_ds() {
        assert_eq!(found("subdel.example", Rtype::DS), "no data");
        assert_eq!(found("subdel.example", Rtype::A), "delegated at subdel.example. to 2");
        assert_eq!(
            found("a.subdel.example", Rtype::DS),
            "delegated at subdel.example. to 2"
        );
    }

    #[test]
    fn rfc6672_2_3_a_dname_renames_what_is_below_and_not_itself() {
        assert_eq!(found("old.example", Rtype::A), "no data");
        assert_eq!(found("old.example", Rtype::DNAME), "1 of DNAME");
        assert_eq!(found("a.b.old.example", Rtype::A), "renamed at old.example.");
    }

    #[test]
    fn names_outside_are_not_found_at_all() {
        assert_eq!(found("example.org", Rtype::A), "outside");
        assert_eq!(found("badexample", Rtype::A), "outside");
    }
}
