//! All zones of a server: which one answers for a name.

use std::collections::HashMap;

use super::{Name, Rtype, Zone};

/// Zones by origin; the one with the longest match answers (RFC 1034 section
/// 4.3.2 step 2).
#[derive(Debug, Default)]
pub struct ZoneSet {
    zones: Vec<Zone>,
    by_origin: HashMap<Name, usize>,
}

impl ZoneSet {
    /// Adds a zone; gives it back when its origin is there already.
    ///
    /// # Errors
    /// The zone that was refused.
    pub fn add(&mut self, zone: Zone) -> Result<(), Box<Zone>> {
        if self.by_origin.contains_key(&zone.origin) {
            return Err(Box::new(zone));
        }
        self.by_origin.insert(zone.origin.clone(), self.zones.len());
        self.zones.push(zone);
        Ok(())
    }

    /// The zone that answers for a name in lower case. The DS at an origin is
    /// asked of the zone above it, if that is here too (RFC 4035 section 3.1.4.1).
    #[must_use]
    pub fn zone_for(&self, name: &Name, qtype: Rtype) -> Option<&Zone> {
        let nearest = self.nearest(Some(name.clone()));
        match nearest {
            Some(zone) if qtype == Rtype::DS && zone.origin == *name => self.nearest(name.parent()).or(nearest),
            _ => nearest,
        }
    }

    fn nearest(&self, mut name: Option<Name>) -> Option<&Zone> {
        while let Some(candidate) = name {
            if let Some(index) = self.by_origin.get(&candidate) {
                return Some(&self.zones[*index]);
            }
            name = candidate.parent();
        }
        None
    }

    /// Has the addresses of a name, in lower case, given out only as far as they live. Tells whether
    /// a zone that answers for it has any.
    pub fn steer(&mut self, name: &Name) -> bool {
        let mut origin = Some(name.clone());
        while let Some(candidate) = origin {
            if let Some(index) = self.by_origin.get(&candidate) {
                return self.zones[*index].steer(name);
            }
            origin = candidate.parent();
        }
        false
    }

    /// Every zone, in the order in which they were added.
    #[must_use]
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zonefile::parse;

    fn name(text: &str) -> Name {
        Name::from_labels(text.split('.').filter(|l| !l.is_empty()).map(str::as_bytes)).expect("a name")
    }

    fn set(origins: &[&str]) -> ZoneSet {
        let mut set = ZoneSet::default();
        for origin in origins {
            let text = "@ 60 IN SOA ns.invalid. a.invalid. 1 2 3 4 5\n@ 60 NS ns.invalid.\n";
            set.add(parse(text, &name(origin)).expect("a zone"))
                .expect("a new origin");
        }
        set
    }

    fn origin_for(set: &ZoneSet, qname: &str, qtype: Rtype) -> Option<String> {
        set.zone_for(&name(qname), qtype).map(|zone| zone.origin.to_string())
    }

    #[test]
    fn rfc1034_4_3_2_the_longest_match_answers() {
        let set = set(&["example", "sub.example"]);
        assert_eq!(
            origin_for(&set, "a.sub.example", Rtype::A).as_deref(),
            Some("sub.example.")
        );
        assert_eq!(
            origin_for(&set, "sub.example", Rtype::A).as_deref(),
            Some("sub.example.")
        );
        assert_eq!(origin_for(&set, "asub.example", Rtype::A).as_deref(), Some("example."));
        assert_eq!(origin_for(&set, "org", Rtype::A), None);
    }

    #[test]
    fn rfc4035_3_1_4_1_the_ds_is_asked_of_the_zone_above() {
        let set = set(&["example", "sub.example"]);
        assert_eq!(origin_for(&set, "sub.example", Rtype::DS).as_deref(), Some("example."));
        assert_eq!(origin_for(&set, "example", Rtype::DS).as_deref(), Some("example."));
    }

    #[test]
    fn an_origin_is_served_once() {
        let mut set = set(&["example"]);
        let text = "@ 60 IN SOA ns.invalid. a.invalid. 1 2 3 4 5\n@ 60 NS ns.invalid.\n";
        assert!(set.add(parse(text, &name("example")).expect("a zone")).is_err());
    }
}
