//! From records to a checked zone. What would make a zone answer wrongly is
//! refused here, with the place it came from and the reason.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::{Found, Name, Node, Rtype, Zone};

/// A line of a zone file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: Arc<Path>,
    /// Counted from 1; `None` when the file as a whole is meant.
    pub line: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.line {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}

/// Why a zone cannot be served. The fault is in the file; nothing is gained by
/// trying again before it was edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ZoneError {
    /// Where.
    pub place: Place,
    /// What is wrong, naming the record.
    pub reason: String,
}

/// A record as the zone file gives it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its name.
    pub owner: Name,
    /// Its type.
    pub rtype: Rtype,
    /// Seconds.
    pub ttl: u32,
    /// Its data in wire form, valid for the type, names without compression.
    pub rdata: Vec<u8>,
}

/// Collects records of one zone.
#[derive(Debug)]
pub struct ZoneBuilder {
    origin: Name,
    apex: Node,
    records: usize,
    targets: Vec<Target>,
    dnames: Vec<(Name, Place)>,
}

/// A record that points at a host, to be looked at when all are there.
#[derive(Debug)]
struct Target {
    owner: Name,
    rtype: Rtype,
    host: Name,
    place: Place,
}

impl ZoneBuilder {
    /// A zone without records.
    #[must_use]
    pub fn new(origin: &Name) -> Self {
        Self {
            origin: origin.to_lower(),
            apex: Node::default(),
            records: 0,
            targets: Vec::new(),
            dnames: Vec::new(),
        }
    }

    /// Adds one record.
    ///
    /// # Errors
    /// A record that has no place in this zone beside those it has already.
    pub fn add(&mut self, record: Record, place: &Place) -> Result<(), ZoneError> {
        let Record {
            owner,
            rtype,
            ttl,
            rdata,
        } = record;
        let owner = owner.to_lower();
        let refuse = |reason: String| {
            Err(ZoneError {
                place: place.clone(),
                reason,
            })
        };
        let Some(labels) = owner.labels_below(&self.origin) else {
            return refuse(format!("{owner} is outside the zone {}", self.origin));
        };
        let at_apex = labels.is_empty();
        if rtype.is_meta() {
            return refuse(format!("{rtype} exists only in messages and cannot be data of a zone"));
        }
        if rtype == Rtype::SOA && !at_apex {
            return refuse(format!(
                "SOA at {owner}: only the zone's own name {} has one",
                self.origin
            ));
        }
        if rtype == Rtype::NS && labels.first() == Some(&&b"*"[..]) {
            return refuse(format!(
                "NS at {owner}: a wildcard cannot delegate (RFC 4592 section 4.2)"
            ));
        }
        if rtype == Rtype::DNAME
            && let Ok((renamed, _)) = Name::read(&rdata)
            && renamed.to_lower().is_within(&owner)
        {
            return refuse(format!(
                "DNAME at {owner}: its target {renamed} is at or below its own name, so names would grow for ever"
            ));
        }
        let node = self.apex.descend(&labels);
        if let Some(reason) = conflict(node, rtype, &rdata, at_apex) {
            return refuse(format!("{rtype} at {owner}: {reason}"));
        }
        if !node.add(rtype, ttl, &rdata) {
            return Ok(());
        }
        self.records += 1;
        if matches!(rtype, Rtype::NS | Rtype::MX | Rtype::SRV)
            && let Some(host) = target(rtype, &rdata)
        {
            self.targets.push(Target {
                owner: owner.clone(),
                rtype,
                host: host.to_lower(),
                place: place.clone(),
            });
        }
        if rtype == Rtype::DNAME {
            self.dnames.push((owner, place.clone()));
        }
        Ok(())
    }

    /// The finished zone. `file` is named where a thing is missing.
    ///
    /// # Errors
    /// The first thing that is missing or points nowhere.
    pub fn finish(self, file: &Arc<Path>) -> Result<Zone, ZoneError> {
        let missing = |reason: String| ZoneError {
            place: Place {
                file: file.clone(),
                line: None,
            },
            reason,
        };
        let Some(soa) = self.apex.get(Rtype::SOA).cloned() else {
            return Err(missing(format!("the zone {} has no SOA record", self.origin)));
        };
        if self.apex.get(Rtype::NS).is_none() {
            return Err(missing(format!(
                "the zone {} has no NS record at its own name",
                self.origin
            )));
        }
        let (serial, minimum) = soa_numbers(&soa.rdata[0])
            .ok_or_else(|| missing(format!("the SOA record of {} is cut short", self.origin)))?;
        let zone = Zone {
            origin: self.origin,
            apex: self.apex,
            serial,
            negative_ttl: soa.ttl.min(minimum),
            soa,
            records: self.records,
        };
        for (owner, place) in self.dnames {
            if zone.node(&owner).is_some_and(Node::has_children) {
                let reason =
                    format!("DNAME at {owner}: names below it would never be seen (RFC 6672 section 2.4); remove them");
                return Err(ZoneError { place, reason });
            }
        }
        for target in self.targets {
            if let Some(reason) = unreachable(&zone, &target) {
                let Target {
                    owner,
                    rtype,
                    host,
                    place,
                } = target;
                let reason = format!("{rtype} at {owner} points at {host}, {reason}");
                return Err(ZoneError { place, reason });
            }
        }
        Ok(zone)
    }
}

/// Why a record cannot stand beside those of `node`.
fn conflict(node: &Node, rtype: Rtype, rdata: &[u8], at_apex: bool) -> Option<&'static str> {
    let other = |rtype| node.get(rtype).is_some_and(|set| *set.rdata[0] != *rdata);
    match rtype {
        Rtype::SOA if node.get(Rtype::SOA).is_some() => return Some("the zone has another SOA record already"),
        Rtype::CNAME if other(Rtype::CNAME) => {
            return Some("the name has another CNAME already (RFC 2181 section 10.1)");
        }
        Rtype::DNAME if other(Rtype::DNAME) => {
            return Some("the name has another DNAME already (RFC 6672 section 2.4)");
        }
        _ => {}
    }
    // RFC 4034 section 3 and 4: signatures and NSEC stand beside a CNAME.
    let beside_alias = |rtype| matches!(rtype, Rtype::CNAME | Rtype::RRSIG | Rtype::NSEC);
    let aliased = node.get(Rtype::CNAME).is_some() && !beside_alias(rtype);
    let aliasing = rtype == Rtype::CNAME && node.rrsets().iter().any(|set| !beside_alias(set.rtype));
    if aliased || aliasing {
        return Some("a CNAME allows no other data at its name (RFC 1034 section 3.6.2)");
    }
    let pair = |a, b| (rtype == a && node.get(b).is_some()) || (rtype == b && node.get(a).is_some());
    if !at_apex && pair(Rtype::NS, Rtype::DNAME) {
        return Some("a name is either delegated by NS or renamed by DNAME (RFC 6672 section 2.3)");
    }
    None
}

/// Why the host that a record points at has no address, as far as this zone can know.
fn unreachable(zone: &Zone, target: &Target) -> Option<&'static str> {
    let has_address = |node: &Node| node.get(Rtype::A).is_some() || node.get(Rtype::AAAA).is_some();
    if let Some(Found::Delegated { cut, .. }) = zone.find(&target.owner, target.rtype)
        && cut != target.owner
    {
        // Below a cut: never served, so it cannot mislead.
        return None;
    }
    match zone.find(&target.host, Rtype::A)? {
        Found::Here(node) if node.get(Rtype::CNAME).is_some() => {
            Some("which is an alias: it must be the host's own name (RFC 2181 section 10.3)")
        }
        Found::Here(node) if has_address(node) => None,
        Found::Here(_) => Some("which has neither A nor AAAA in this zone"),
        Found::Nowhere => Some("which does not exist in this zone"),
        Found::Renamed { .. } => Some("which is renamed by a DNAME: it must be the host's own name"),
        Found::Delegated { .. } => {
            let needs_glue = target.rtype == Rtype::NS && target.host.is_within(&target.owner);
            let has_glue = zone.node(&target.host).is_some_and(has_address);
            (needs_glue && !has_glue).then_some("which only it could tell the address of: add its A or AAAA as glue")
        }
    }
}

/// The host that record data points at.
pub(crate) fn target(rtype: Rtype, rdata: &[u8]) -> Option<Name> {
    let offset = rtype.target_offset()?;
    let (host, _) = Name::read(rdata.get(offset..)?).ok()?;
    // "." says that the service is not there (RFC 2782, RFC 7505), or that the
    // owner itself is meant (RFC 9460), which the caller must know.
    (host.as_wire().len() > 1).then_some(host)
}

/// SERIAL and MINIMUM (RFC 1035 section 3.3.13).
fn soa_numbers(rdata: &[u8]) -> Option<(u32, u32)> {
    let numbers: &[u8; 20] = rdata.last_chunk()?;
    let at = |from: usize| u32::from_be_bytes([numbers[from], numbers[from + 1], numbers[from + 2], numbers[from + 3]]);
    Some((at(0), at(16)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zonefile::parse;

    const HEAD: &str = "$TTL 300\n@ SOA ns1 admin 7 3600 600 86400 60\n@ NS ns1\nns1 A 192.0.2.1\n";

    fn refused(rest: &str) -> String {
        let origin = Name::from_labels([&b"example"[..]]).expect("a name");
        match parse(&format!("{HEAD}{rest}"), &origin) {
            Ok(_) => "accepted".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn rfc2308_3_the_negative_ttl_is_the_lower_of_two() {
        let origin = Name::from_labels([&b"example"[..]]).expect("a name");
        let zone = parse(HEAD, &origin).expect("a zone");
        assert_eq!((zone.serial(), zone.negative_ttl(), zone.records()), (7, 60, 3));
        let low = HEAD.replace("@ SOA", "@ 20 SOA");
        assert_eq!(parse(&low, &origin).expect("a zone").negative_ttl(), 20);
    }

    #[test]
    fn rfc1034_3_6_2_a_cname_allows_no_other_data() {
        for rest in ["a CNAME ns1\na A 192.0.2.9\n", "a A 192.0.2.9\na CNAME ns1\n"] {
            assert!(refused(rest).contains(":6: "), "{}", refused(rest));
            assert!(refused(rest).contains("allows no other data"), "{}", refused(rest));
        }
        assert!(refused("a CNAME ns1\na CNAME ns2\n").contains("another CNAME"));
        assert!(refused("@ CNAME ns1\n").contains("allows no other data"));
        assert_eq!(refused("a CNAME ns1\na CNAME ns1\n"), "accepted");
    }

    #[test]
    fn rfc2181_10_3_hosts_are_no_aliases_and_have_addresses() {
        assert!(refused("@ MX 10 mail\n").contains("does not exist"));
        assert!(refused("@ MX 10 mail\nmail TXT x\n").contains("neither A nor AAAA"));
        assert!(refused("@ MX 10 mail\nmail CNAME ns1\n").contains("an alias"));
        assert!(refused("_s._tcp SRV 0 0 1 mail\n").contains("does not exist"));
        assert!(refused("@ NS ns2\n").contains(":5: NS at example. points at ns2.example."));
        assert_eq!(refused("@ MX 10 mail\nmail AAAA 2001:db8::1\n"), "accepted");
        assert_eq!(refused("@ MX 10 mail\n* A 192.0.2.5\n"), "accepted");
        assert_eq!(refused("@ MX 10 mail.elsewhere.\n@ NS ns.elsewhere.\n"), "accepted");
        assert_eq!(refused("@ MX 0 .\n"), "accepted");
    }

    #[test]
    fn rfc1034_4_2_1_a_server_below_its_own_cut_needs_glue() {
        assert!(refused("sub NS ns.sub\n").contains("glue"));
        assert_eq!(refused("sub NS ns.sub\nns.sub A 192.0.2.7\n"), "accepted");
        assert!(refused("sub NS ns.other\n").contains("does not exist"));
    }

    #[test]
    fn rfc6672_2_4_nothing_is_below_or_beside_a_dname() {
        assert!(refused("d DNAME x.org.\na.d A 192.0.2.1\n").contains(":5: DNAME at d.example."));
        assert!(refused("d DNAME x.org.\nd DNAME y.org.\n").contains("another DNAME"));
        assert!(refused("d DNAME x.org.\nd NS ns1\n").contains("either delegated"));
        assert!(refused("d DNAME x.org.\nd CNAME ns1\n").contains("allows no other data"));
    }

    #[test]
    fn a_dname_that_points_below_itself_is_refused() {
        assert!(refused("d DNAME x.d\n").contains(":5: DNAME at d.example."));
        assert!(refused("d DNAME D\n").contains("at or below its own name"));
        assert_eq!(refused("d DNAME xd\n"), "accepted");
    }

    #[test]
    fn names_outside_the_zone_second_soas_and_meta_types_are_refused() {
        assert!(refused("www.example.org. A 192.0.2.1\n").contains("outside the zone example."));
        assert!(refused("@ SOA ns1 admin 8 1 1 1 1\n").contains("another SOA"));
        assert!(refused("www SOA ns1 admin 8 1 1 1 1\n").contains("only the zone's own name"));
        assert!(refused("* NS ns1\n").contains("wildcard cannot delegate"));
        assert!(refused("a ANY \\# 0\n").contains("only in messages"));
    }

    #[test]
    fn a_zone_without_soa_or_ns_is_refused_and_the_file_named() {
        let origin = Name::from_labels([&b"example"[..]]).expect("a name");
        let text = parse("@ 60 NS ns.elsewhere.\n", &origin)
            .expect_err("no SOA")
            .to_string();
        assert_eq!(text, "zone text: the zone example. has no SOA record");
        let text = parse("@ 60 SOA a. b. 1 2 3 4 5\n", &origin)
            .expect_err("no NS")
            .to_string();
        assert_eq!(text, "zone text: the zone example. has no NS record at its own name");
    }
}
