//! The nodes of a zone. A node is there because it has data or because a name
//! below it has: an empty non-terminal exists as much as any other (RFC 4592
//! section 2.2.2).

use std::collections::BTreeMap;

use super::Rtype;

/// Records of one name and type, which share one TTL (RFC 2181 section 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rrset {
    /// Type of every record of the set.
    pub rtype: Rtype,
    /// Seconds, at most 2^31 - 1 (RFC 2181 section 8).
    pub ttl: u32,
    /// Record data in wire form, names without compression, in the order of the
    /// zone file. Never empty, no two alike.
    pub rdata: Vec<Box<[u8]>>,
}

/// One name of a zone.
#[derive(Debug, Default)]
pub struct Node {
    rrsets: Vec<Rrset>,
    /// Its addresses are given out as far as they live.
    steered: bool,
    /// Keyed by label in lower case, so in canonical order (RFC 4034 section 6.1).
    children: BTreeMap<Box<[u8]>, Node>,
}

impl Node {
    /// The set of one type.
    #[must_use]
    pub fn get(&self, rtype: Rtype) -> Option<&Rrset> {
        self.rrsets.iter().find(|set| set.rtype == rtype)
    }

    /// Every set of this name.
    #[must_use]
    pub fn rrsets(&self) -> &[Rrset] {
        &self.rrsets
    }

    /// Whether its addresses are given out only as far as they live.
    #[must_use]
    pub fn is_steered(&self) -> bool {
        self.steered
    }

    /// Marks it. Tells whether it has addresses at all.
    pub(super) fn steer(&mut self) -> bool {
        self.steered = true;
        self.get(Rtype::A).or_else(|| self.get(Rtype::AAAA)).is_some()
    }

    /// The node one label below.
    #[must_use]
    pub fn child(&self, label: &[u8]) -> Option<&Self> {
        self.children.get(label)
    }

    pub(super) fn child_mut(&mut self, label: &[u8]) -> Option<&mut Self> {
        self.children.get_mut(label)
    }

    /// Whether names exist below this one.
    #[must_use]
    pub fn has_children(&self) -> bool {
        !self.children.is_empty()
    }

    /// Whether a name server set makes this a zone cut. Asked of any node but
    /// the apex.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.get(Rtype::NS).is_some()
    }

    /// The node at `labels` (leftmost first, lower case) below this one, made
    /// with all those between when it is not there.
    pub fn descend(&mut self, labels: &[&[u8]]) -> &mut Self {
        let mut node = self;
        for label in labels.iter().rev() {
            // Looking first saves the copy of the label where the node exists.
            if !node.children.contains_key(*label) {
                node.children.insert((*label).into(), Self::default());
            }
            node = node
                .children
                .get_mut(*label)
                .expect("inserted above when it was missing");
        }
        node
    }

    /// Adds a record. A repeated one changes nothing (RFC 2181 section 5); a
    /// TTL that differs from its set's makes the lower the TTL of both
    /// (section 5.2). Tells whether a record was added.
    pub fn add(&mut self, rtype: Rtype, ttl: u32, rdata: &[u8]) -> bool {
        let Some(set) = self.rrsets.iter_mut().find(|set| set.rtype == rtype) else {
            self.rrsets.push(Rrset {
                rtype,
                ttl,
                rdata: vec![rdata.into()],
            });
            return true;
        };
        set.ttl = set.ttl.min(ttl);
        if set.rdata.iter().any(|present| **present == *rdata) {
            return false;
        }
        set.rdata.push(rdata.into());
        true
    }

    /// Visits this node and all below, each with its labels below this one,
    /// leftmost first.
    pub fn walk<'n>(&'n self, path: &mut Vec<&'n [u8]>, visit: &mut impl FnMut(&[&'n [u8]], &'n Self)) {
        visit(path, self);
        for (label, child) in &self.children {
            path.insert(0, label);
            child.walk(path, visit);
            path.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc2181_5_2_differing_ttls_become_the_lowest() {
        let mut node = Node::default();
        node.add(Rtype::A, 300, &[192, 0, 2, 1]);
        node.add(Rtype::A, 60, &[192, 0, 2, 2]);
        node.add(Rtype::A, 900, &[192, 0, 2, 3]);
        let set = node.get(Rtype::A).expect("a set");
        assert_eq!((set.ttl, set.rdata.len()), (60, 3));
    }

    #[test]
    fn rfc2181_5_a_repeated_record_is_one_record() {
        let mut node = Node::default();
        assert!(node.add(Rtype::A, 300, &[192, 0, 2, 1]));
        assert!(!node.add(Rtype::A, 300, &[192, 0, 2, 1]));
        assert_eq!(node.get(Rtype::A).map(|set| set.rdata.len()), Some(1));
    }
}
