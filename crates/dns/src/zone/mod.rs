//! Zones: names and records in a tree, and how a name is found there.
//!
//! Here live only the rules of the data (RFC 1034, 2181, 4592, 6672). Record data
//! is kept in wire form, so a type that nobody knew when this was written is
//! served like any other (RFC 3597). Never here: messages, sockets, clients, or the
//! text of a zone file.

mod build;
mod lookup;
mod name;
mod rtype;
mod set;
mod tree;

pub(crate) use build::target;
pub use build::{Place, Record, ZoneBuilder, ZoneError};
pub use lookup::Found;
pub use name::{Name, NameError};
pub use rtype::Rtype;
pub use set::ZoneSet;
pub use tree::{Node, Rrset};

/// A zone, complete and checked; it never changes.
#[derive(Debug)]
pub struct Zone {
    origin: Name,
    apex: Node,
    soa: Rrset,
    serial: u32,
    negative_ttl: u32,
    records: usize,
}

impl Zone {
    /// The name of the zone, in lower case.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// The start of authority.
    #[must_use]
    pub fn soa(&self) -> &Rrset {
        &self.soa
    }

    /// The serial number of the zone (RFC 1982 arithmetic).
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// How long "there is no such thing" may be remembered, seconds: the lower of
    /// the SOA's TTL and its MINIMUM (RFC 2308 section 3).
    #[must_use]
    pub fn negative_ttl(&self) -> u32 {
        self.negative_ttl
    }

    /// Has the addresses of a name, in lower case, given out only as far as they live. Tells whether
    /// the name is in this zone and has any.
    pub fn steer(&mut self, name: &Name) -> bool {
        let Some(labels) = name.labels_below(&self.origin) else {
            return false;
        };
        let node = labels
            .iter()
            .rev()
            .try_fold(&mut self.apex, |node, label| node.child_mut(label));
        node.is_some_and(Node::steer)
    }

    /// How many records the zone has.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }
}
