//! Whose turn it is: how the requests of a pool are spread over the servers that
//! take turns. A [`Schedule`] is made whenever these servers or their weights
//! change, once for all workers, and then only read.
//!
//! Every way to balance has the same two answers: the server to ask first, and the
//! others in the order in which they stand in for it. Whether a server may be asked
//! at all is for [`crate::pool::view`] to say.

mod key;
mod rendezvous;
mod smooth;

use std::net::SocketAddr;

pub(crate) use key::{Asked, key};

use crate::config::Balance;

/// The order of turns among servers that are known by their index.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    balance: Balance,
    /// One period of turns, spread as evenly as the weights allow.
    turns: Vec<u32>,
    weights: Vec<u32>,
    /// What stands for each server in the consistent hash.
    seeds: Vec<u64>,
}

impl Schedule {
    /// For servers with these addresses and weights, none of them zero.
    pub(crate) fn new(balance: Balance, servers: &[(SocketAddr, u32)]) -> Self {
        let weights: Vec<u32> = servers.iter().map(|(_, weight)| *weight).collect();
        Self {
            balance,
            turns: smooth::turns(&weights),
            weights,
            seeds: servers.iter().map(|(address, _)| rendezvous::seed(*address)).collect(),
        }
    }

    /// The server to ask first, unless there is none. `load` tells how many
    /// requests a server has in flight.
    pub(crate) fn first(&self, turn: usize, key: Option<u64>, load: impl Fn(usize) -> usize) -> Option<usize> {
        if let Some(key) = key {
            return rendezvous::best(key, &self.seeds, &self.weights);
        }
        let in_turn = self.in_turn(turn)?;
        if self.balance != Balance::LeastRequests || self.weights.len() < 2 {
            return Some(in_turn);
        }
        // Two choices instead of a look at all: workers that all see the same
        // server idle would all go there. One of the two takes its turn, so that
        // idle servers share as exactly as in round robin.
        let other = self.other_than(in_turn);
        let lighter = is_lighter(
            (load(other), self.weights[other]),
            (load(in_turn), self.weights[in_turn]),
        );
        Some(if lighter { other } else { in_turn })
    }

    /// All servers but `first`, the best to stand in for it first. Rarely needed.
    pub(crate) fn others(
        &self,
        first: usize,
        turn: usize,
        key: Option<u64>,
        load: impl Fn(usize) -> usize,
    ) -> Vec<usize> {
        if let Some(key) = key {
            let mut ranked = rendezvous::ranked(key, &self.seeds, &self.weights);
            ranked.retain(|index| *index != first);
            return ranked;
        }
        // Not always the neighbour: it would get all that a server at its limit
        // leaves over.
        let (round, servers) = (turn / self.turns.len().max(1), self.weights.len());
        let others = 0..servers.saturating_sub(1);
        let rotated = others.clone().map(|step| (round + step) % others.len());
        let mut others: Vec<usize> = rotated.map(|offset| (first + 1 + offset) % servers).collect();
        if self.balance == Balance::LeastRequests {
            others.sort_by(|left, right| {
                let share = |index: &usize| load(*index) as f64 / f64::from(self.weights[*index]);
                share(left).total_cmp(&share(right))
            });
        }
        others
    }

    fn in_turn(&self, turn: usize) -> Option<usize> {
        let index = turn.checked_rem(self.turns.len())?;
        self.turns.get(index).map(|server| *server as usize)
    }

    /// Any other server, the heavy ones more often. There are two at least.
    fn other_than(&self, server: usize) -> usize {
        let drawn = self.in_turn(rand::random_range(0..self.turns.len()));
        match drawn {
            Some(drawn) if drawn != server => drawn,
            _ => (server + rand::random_range(1..self.weights.len())) % self.weights.len(),
        }
    }
}

/// Whether the left one has less to do for its weight.
fn is_lighter(left: (usize, u32), right: (usize, u32)) -> bool {
    (left.0 as u64) * u64::from(right.1) < (right.0 as u64) * u64::from(left.1)
}

#[cfg(test)]
mod tests;
