//! Which addresses of a name go into an answer, and in which order. Pure.
//!
//! The addresses of a name are one group, IPv4 and IPv6 together. Of the group are given: those
//! that live and have a weight; if there is none, those of weight 0 that live, the backups; if nobody
//! lives, all that the operator has not forbidden: an answer that may be wrong is better
//! than none. So a family whose addresses are all dead is empty (NODATA) while the other
//! lives. An address that is not probed counts as alive.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::zone::{Node, Rrset, Rtype};

/// Weight of an address that is no target.
const USUAL_WEIGHT: u32 = 100;

/// What is thought of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Share of the answers in which it is first; 0 makes it a backup.
    pub weight: u32,
    /// Whether it works, by the operator's word or else by its probe.
    pub alive: bool,
    /// Whether the operator wants it in no answer.
    pub refused: bool,
}

/// Of every target.
pub type Standings = HashMap<IpAddr, Standing>;

/// The set of `rtype` at a steered node as it is given out in the answer number `turn`; `None` when
/// nothing of it is.
#[must_use]
pub fn choose(node: &Node, rtype: Rtype, standings: &Standings, ttl_s: u32, turn: u64) -> Option<Rrset> {
    let tier = Tier::of(node, standings);
    let set = node.get(rtype)?;
    let mut given: Vec<(u32, &[u8])> = Vec::with_capacity(set.rdata.len());
    for rdata in &set.rdata {
        let standing = standing(rtype, rdata, standings);
        if tier.holds(standing) {
            given.push((standing.weight, rdata));
        }
    }
    if given.is_empty() {
        return None;
    }
    turn_by_weight(&mut given, turn);
    Some(Rrset {
        rtype,
        ttl: ttl_s,
        rdata: given.into_iter().map(|(_, rdata)| rdata.into()).collect(),
    })
}

/// Who of a group is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    /// The living that have a weight.
    Living,
    /// The living backups.
    Backups,
    /// Nobody lives: all but the refused.
    Anybody,
}

impl Tier {
    fn of(node: &Node, standings: &Standings) -> Self {
        let mut tier = Self::Anybody;
        for rtype in [Rtype::A, Rtype::AAAA] {
            for rdata in node.get(rtype).into_iter().flat_map(|set| &set.rdata) {
                let standing = standing(rtype, rdata, standings);
                match (standing.alive, standing.weight) {
                    (true, 1..) => return Self::Living,
                    (true, 0) => tier = Self::Backups,
                    (false, _) => {}
                }
            }
        }
        tier
    }

    fn holds(self, standing: Standing) -> bool {
        match self {
            Self::Living => standing.alive && standing.weight > 0,
            Self::Backups => standing.alive,
            Self::Anybody => !standing.refused,
        }
    }
}

fn standing(rtype: Rtype, rdata: &[u8], standings: &Standings) -> Standing {
    let known = rtype.address(rdata).and_then(|address| standings.get(&address));
    known.copied().unwrap_or(Standing {
        weight: USUAL_WEIGHT,
        alive: true,
        refused: false,
    })
}

/// Brings one to the front, each as often as its weight says, and turns the rest along. Clients
/// try the first.
fn turn_by_weight(given: &mut [(u32, &[u8])], turn: u64) {
    let total: u64 = given.iter().map(|(weight, _)| u64::from(*weight)).sum();
    if total == 0 {
        let first = (turn % given.len() as u64) as usize;
        given.rotate_left(first);
        return;
    }
    // Weyl's sequence: as even as taking turns, whatever the weights, and never long at one.
    let point = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut left = ((u128::from(point) * u128::from(total)) >> 64) as u64;
    let mut first = 0;
    for (index, (weight, _)) in given.iter().enumerate() {
        if left < u64::from(*weight) {
            first = index;
            break;
        }
        left -= u64::from(*weight);
    }
    given.rotate_left(first);
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
