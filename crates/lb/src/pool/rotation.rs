//! The servers that take turns, with the order of their turns. Made anew by the
//! pool whenever anything about its servers changes; workers only read it.

use std::sync::Arc;
use std::time::Duration;

use health::Standing;

use super::server::Server;
use crate::balance::Schedule;
use crate::config::PoolConfig;

/// One state of a pool.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    /// All servers of the pool.
    pub(super) members: Vec<Arc<Server>>,
    /// Those that take turns.
    pub(super) chosen: Vec<Arc<Server>>,
    /// Their order, by their index in `chosen`.
    pub(super) schedule: Schedule,
}

impl Rotation {
    /// Of the pool's servers as they are at this moment.
    pub(super) fn new(members: &[Arc<Server>], config: &PoolConfig, now: Duration) -> Self {
        let chosen = choose(members);
        let mut weights = Vec::with_capacity(chosen.len());
        for server in members {
            let share = server.share_at(now, config.slow_start());
            let is_chosen = chosen.iter().any(|other| other.id == server.id);
            server.set_chosen(is_chosen, share);
            if is_chosen {
                weights.push((server.address, server.weight() * share));
            }
        }
        Self {
            members: members.to_vec(),
            chosen,
            schedule: Schedule::new(config.balance, &weights),
        }
    }
}

/// The servers that take turns, in the order of `members`. When no server is in
/// rotation the pool fails open, to the likeliest first: never probed, ejected though
/// probes pass, the rest. An outage of the probes must not become an outage of the
/// site. What the operator has taken out stays out.
fn choose(members: &[Arc<Server>]) -> Vec<Arc<Server>> {
    let tiers: [fn(&Server) -> bool; 5] = [
        Server::is_in_rotation,
        |server| server.standing() == Standing::Unknown && !server.is_ejected() && !server.is_leaving(),
        |server| server.standing() == Standing::Up && !server.is_leaving(),
        |server| !server.is_leaving(),
        |_| true,
    ];
    for tier in tiers {
        let of_tier = |server: &&Arc<Server>| server.is_enabled() && tier(server);
        let chosen: Vec<_> = members.iter().filter(of_tier).cloned().collect();
        if !chosen.is_empty() {
            return chosen;
        }
    }
    Vec::new()
}
