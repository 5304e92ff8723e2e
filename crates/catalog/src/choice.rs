//! Which nodes are asked for a read, in which order, and why. Pure: the numbers come from outside.
//!
//! Without a position to meet: replicas that keep up, the least busy first and in turn where that is a tie; then the
//! primary; then replicas that are late, because old stations are better than none. With one: replicas that have reached
//! it; if there is none, the replica that is nearest, as long as it is worth waiting for; then the primary; and without
//! a primary whichever replica may still get there. One that cannot is never asked.

use std::time::Duration;

use crate::Position;
use crate::freshness::holds;
use crate::topology::View;

/// How long a read waits for a replica to reach its position.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);
/// A replica further behind does not make up for it in that time: samples are 250 ms apart.
const NEAR: Duration = Duration::from_millis(350);

/// Why a node is asked; a label of the metric `database_reads_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// A replica that keeps up.
    Fresh,
    /// The primary, after the replicas that keep up or in place of them.
    NoReplica,
    /// A replica that is late, since nobody better is there.
    Late,
    /// A replica that had reached the position of the session.
    CaughtUp,
    /// One that was waited for.
    Waited,
    /// The primary, since no replica had reached the position.
    Behind,
}

impl Why {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::NoReplica => "no_replica",
            Self::Late => "late",
            Self::CaughtUp => "caught_up",
            Self::Waited => "waited",
            Self::Behind => "behind",
        }
    }

    /// How long the node may take to reach the position.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Self::Waited => PATIENCE,
            _ => Duration::ZERO,
        }
    }
}

/// A node to ask, by its index.
pub(crate) type Candidate = (usize, Why);

/// Nodes to ask, best first. A replica that has just stopped answering collects reads that wait for it: it is passed over
/// long before it is given up.
pub(crate) fn candidates(
    view: &View,
    needed: Option<Position>,
    turn: usize,
    in_flight: impl Fn(usize) -> u32,
) -> Vec<Candidate> {
    match needed {
        None => bounded(view, turn, in_flight),
        Some(needed) => at_least(view, needed, turn, in_flight),
    }
}

fn bounded(view: &View, turn: usize, in_flight: impl Fn(usize) -> u32) -> Vec<Candidate> {
    let fresh = in_turn(view.fresh.clone(), turn, in_flight).into_iter();
    let mut order: Vec<Candidate> = fresh.map(|node| (node, Why::Fresh)).collect();
    order.extend(view.primary.map(|node| (node, Why::NoReplica)));
    let late = furthest_first(view, view.late.clone()).into_iter();
    order.extend(late.map(|node| (node, Why::Late)));
    order
}

fn at_least(view: &View, needed: Position, turn: usize, in_flight: impl Fn(usize) -> u32) -> Vec<Candidate> {
    // Who lives on a timeline that we have not seen is about to be seen: nobody known can answer.
    if needed.timeline > view.timeline {
        return Vec::new();
    }
    let replicas = view.fresh.iter().chain(&view.late).copied();
    let (holding, behind): (Vec<usize>, Vec<usize>) = replicas.partition(|node| holds(view, *node, needed));
    let wait = |node| (node, Why::Waited);
    let behind = furthest_first(view, behind);
    let mut order: Vec<Candidate> = in_turn(holding, turn, in_flight)
        .into_iter()
        .map(|node| (node, Why::CaughtUp))
        .collect();
    let near = |node: &usize| view.nodes[*node].lag.is_some_and(|lag| lag <= NEAR);
    match view.primary {
        Some(primary) => {
            if order.is_empty() {
                order.extend(behind.first().copied().filter(near).map(wait));
            }
            order.push((primary, Why::Behind));
        }
        None => order.extend(behind.into_iter().map(wait)),
    }
    order
}

fn in_turn(mut nodes: Vec<usize>, turn: usize, in_flight: impl Fn(usize) -> u32) -> Vec<usize> {
    if !nodes.is_empty() {
        let by = turn % nodes.len();
        nodes.rotate_left(by);
        nodes.sort_by_key(|node| in_flight(*node));
    }
    nodes
}

fn furthest_first(view: &View, mut nodes: Vec<usize>) -> Vec<usize> {
    let position = |node: usize| view.nodes[node].sample.as_ref().map(|sample| sample.position);
    nodes.sort_by_key(|node| std::cmp::Reverse(position(*node)));
    nodes
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
