//! From samples to verdicts. Pure: no I/O and no clock of its own.
//!
//! A verdict never flips on one sample: a node in use is given up after two failures in a row, one that was given up is
//! taken back after two good samples in a row. Only a node that was never judged is taken at the first.

use std::time::{Duration, Instant};

use super::View;
use super::lag::Track;
use super::sample::Sample;
use crate::{NodeRole, NodeStatus};

const FALL: u32 = 2;
const RISE: u32 = 2;
/// A replica further behind than this, or nobody knows how far, answers only when nobody else can.
const MAX_LAG: Duration = Duration::from_secs(10);

/// A node as judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) role: NodeRole,
    pub(crate) reason: Option<String>,
    pub(crate) lag: Option<Duration>,
    /// The last sample, also of a node that is not used.
    pub(crate) sample: Option<Sample>,
}

impl Verdict {
    pub(super) fn status(&self, name: &str) -> NodeStatus {
        NodeStatus {
            name: name.to_owned(),
            role: self.role,
            system: self.sample.as_ref().map(|sample| sample.system),
            timeline: self.sample.as_ref().map(|sample| sample.timeline),
            lsn: self.sample.as_ref().map(|sample| sample.position),
            started: self.sample.as_ref().map(|sample| sample.started),
            lag_ms: self.lag.map(|lag| lag.as_millis() as u64),
            reason: self.reason.clone(),
        }
    }
}

#[derive(Debug, Default)]
struct Entry {
    /// Answers, as far as rise and fall go. `None`: never judged.
    up: Option<bool>,
    good_in_a_row: u32,
    bad_in_a_row: u32,
    sample: Option<Sample>,
    failure: Option<String>,
}

/// What is known of every node.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: Vec<Entry>,
    /// The cluster that is ours, once a primary of it was seen.
    system: Option<i64>,
    /// Highest timeline seen in it.
    timeline: i32,
    track: Track,
    last_primary: Option<usize>,
}

impl Book {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            entries: (0..nodes).map(|_| Entry::default()).collect(),
            ..Self::default()
        }
    }

    pub(super) fn enter(&mut self, index: usize, outcome: Result<Sample, String>, now: Instant) {
        let entry = &mut self.entries[index];
        match outcome {
            Ok(sample) => {
                entry.good_in_a_row += 1;
                entry.bad_in_a_row = 0;
                if entry.up != Some(false) || entry.good_in_a_row >= RISE {
                    entry.up = Some(true);
                    entry.failure = None;
                }
                entry.sample = Some(sample);
            }
            Err(reason) => {
                entry.bad_in_a_row += 1;
                entry.good_in_a_row = 0;
                if entry.up != Some(true) || entry.bad_in_a_row >= FALL {
                    entry.up = Some(false);
                    entry.failure = Some(reason);
                }
            }
        }
        self.settle(now);
    }

    /// Updates what is remembered across samples.
    fn settle(&mut self, now: Instant) {
        let ours = self.our_system();
        let highest = self.live(ours).map(|(_, sample)| sample.timeline).max();
        if let Some(highest) = highest.filter(|highest| *highest > self.timeline) {
            self.timeline = highest;
            self.track.clear();
        }
        let primary = self.primary(ours);
        if let Some(index) = primary {
            self.system = ours;
            if let Some(sample) = &self.entries[index].sample {
                self.track.enter(sample.position, now);
            }
            self.last_primary = primary;
        }
    }

    /// The cluster of most nodes, the first in the configuration where that is a tie. Open until more than half of
    /// the nodes agree or all were asked: the first to answer may be the stranger. Settled by its first primary.
    fn our_system(&self) -> Option<i64> {
        if self.system.is_some() {
            return self.system;
        }
        let systems: Vec<i64> = self
            .entries
            .iter()
            .filter_map(|e| Some(e.sample.as_ref()?.system))
            .collect();
        let votes = |system: i64| systems.iter().filter(|other| **other == system).count();
        let most = systems.iter().map(|system| votes(*system)).max()?;
        let all_asked = self.entries.iter().all(|entry| entry.up.is_some());
        let decided = all_asked || most * 2 > self.entries.len();
        systems.iter().copied().find(|system| decided && votes(*system) == most)
    }

    /// Nodes that answer and belong to us.
    fn live(&self, ours: Option<i64>) -> impl Iterator<Item = (usize, &Sample)> {
        self.entries.iter().enumerate().filter_map(move |(index, entry)| {
            let sample = entry.sample.as_ref().filter(|_| entry.up == Some(true))?;
            (Some(sample.system) == ours).then_some((index, sample))
        })
    }

    /// Out of recovery on the highest timeline. Were there two, the one that we know stays it.
    fn primary(&self, ours: Option<i64>) -> Option<usize> {
        let candidates: Vec<usize> = self
            .live(ours)
            .filter(|(_, sample)| !sample.in_recovery && sample.timeline >= self.timeline)
            .map(|(index, _)| index)
            .collect();
        let known = self.last_primary.filter(|last| candidates.contains(last));
        known.or_else(|| candidates.first().copied())
    }

    pub(super) fn view(&self, now: Instant) -> View {
        let ours = self.our_system();
        let primary = self.primary(ours);
        let mut view = View {
            primary,
            system: ours,
            timeline: self.timeline,
            ..View::default()
        };
        for (index, entry) in self.entries.iter().enumerate() {
            let verdict = self.judge(index, entry, ours, primary, now);
            if verdict.role == NodeRole::Replica {
                match verdict.lag.is_some_and(|lag| lag <= MAX_LAG) {
                    true => view.fresh.push(index),
                    false => view.late.push(index),
                }
            }
            view.nodes.push(verdict);
        }
        view
    }

    fn judge(&self, index: usize, entry: &Entry, ours: Option<i64>, primary: Option<usize>, now: Instant) -> Verdict {
        let verdict = |role, reason: Option<String>, lag| Verdict {
            role,
            reason,
            lag,
            sample: entry.sample.clone(),
        };
        let down = |reason: String| verdict(NodeRole::Down, Some(reason), None);
        let sample = match (&entry.sample, entry.up) {
            (Some(sample), Some(true)) => sample,
            (_, None) => return down("not asked yet".into()),
            (_, Some(_)) => {
                return down(
                    entry
                        .failure
                        .clone()
                        .unwrap_or_else(|| "taken back after one more sample".into()),
                );
            }
        };
        if ours.is_none() {
            return down("waits for the other nodes to be asked".into());
        }
        if Some(sample.system) != ours {
            return down(format!(
                "belongs to another cluster (system identifier {})",
                sample.system
            ));
        }
        if primary == Some(index) {
            return verdict(NodeRole::Primary, None, None);
        }
        if !sample.in_recovery && sample.timeline < self.timeline {
            return down(format!(
                "a primary of the old timeline {}; the cluster is on {}",
                sample.timeline, self.timeline
            ));
        }
        if !sample.in_recovery {
            return down("a second primary of the same timeline".into());
        }
        if sample.timeline_is_exact && sample.timeline < self.timeline {
            return down(format!(
                "follows the old timeline {}; the cluster is on {}",
                sample.timeline, self.timeline
            ));
        }
        verdict(NodeRole::Replica, None, self.track.lag(sample.position, now))
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
