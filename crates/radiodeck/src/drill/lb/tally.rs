//! What clients and servers saw of one load, counted.

use std::collections::BTreeMap;

use super::servers::Seen;
use crate::measure::load::{Outcome, Recording};

/// The requests of one load by what came of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) asked: usize,
    /// The right answer to the request, all of it.
    pub(super) good: usize,
    /// Whole answers that say that something went wrong.
    pub(super) statuses: BTreeMap<u16, usize>,
    /// Answers that broke off, and that the client knew to be broken off.
    pub(super) cut: usize,
    /// Connections that ended without an answer.
    pub(super) unanswered: usize,
    /// No whole answer for as long as the client waited.
    pub(super) timed_out: usize,
    /// The answer to somebody else's request.
    pub(super) foreign: usize,
    /// The generator had no place left for them.
    pub(super) not_sent: usize,
    /// Requests that more than one server, or one server more than once, has seen.
    pub(super) doubled: usize,
    /// Good answers to requests that no server has seen.
    pub(super) invented: usize,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Tally {
    /// Counts a load whose `number`th request asked for `path(number)`, each once.
    pub(super) fn of(recording: &Recording, seen: &Seen, path: impl Fn(usize) -> String) -> Self {
        let latencies = recording.latencies(|_| true);
        let mut tally = Self {
            asked: recording.records.len(),
            doubled: seen.values().filter(|count| **count > 1).count(),
            p50_ms: latencies.ms(0.5),
            p99_ms: latencies.ms(0.99),
            ..Self::default()
        };
        for record in &recording.records {
            match &record.outcome {
                Outcome::Answered(200..=399) => {
                    tally.good += 1;
                    tally.invented += usize::from(!seen.contains_key(&path(record.target)));
                }
                Outcome::Answered(status) => *tally.statuses.entry(*status).or_default() += 1,
                Outcome::Cut(_) => tally.cut += 1,
                Outcome::Failed(_) => tally.unanswered += 1,
                Outcome::TimedOut => tally.timed_out += 1,
                Outcome::Foreign => tally.foreign += 1,
                Outcome::NotSent => tally.not_sent += 1,
            }
        }
        tally
    }

    /// Requests that did not get their answer.
    pub(super) fn failed(&self) -> usize {
        self.asked - self.good
    }

    /// Error statuses with their counts, such as `502: 3, 504: 1`.
    pub(super) fn errors(&self) -> String {
        let each: Vec<_> = self
            .statuses
            .iter()
            .map(|(status, count)| format!("{status}: {count}"))
            .collect();
        each.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measure::load::Record;

    fn recording(outcomes: &[Outcome]) -> Recording {
        let record = |(target, outcome): (usize, &Outcome)| Record {
            target,
            due: Duration::from_millis(target as u64),
            late: Duration::ZERO,
            latency: Duration::from_millis(7),
            outcome: outcome.clone(),
        };
        Recording {
            records: outcomes.iter().enumerate().map(record).collect(),
            elapsed: Duration::from_secs(1),
            cpu: None,
        }
    }

    fn path(number: usize) -> String {
        format!("/{number}")
    }

    #[test]
    fn every_request_is_counted_as_one_thing() {
        let outcomes = [
            Outcome::Answered(200),
            Outcome::Answered(502),
            Outcome::Answered(502),
            Outcome::Cut("reset".into()),
            Outcome::Failed("reset".into()),
            Outcome::TimedOut,
            Outcome::Foreign,
            Outcome::NotSent,
        ];
        let seen = Seen::from([("/0".to_owned(), 1)]);
        let tally = Tally::of(&recording(&outcomes), &seen, path);
        let each = [
            tally.cut,
            tally.unanswered,
            tally.timed_out,
            tally.foreign,
            tally.not_sent,
        ];
        assert_eq!((tally.good, tally.failed(), each), (1, 7, [1; 5]));
        assert_eq!(tally.errors(), "502: 2");
        assert_eq!((tally.doubled, tally.invented), (0, 0));
    }

    #[test]
    fn what_servers_saw_more_than_once_is_doubled_whatever_the_client_was_told() {
        let outcomes = [Outcome::Answered(200), Outcome::Answered(502)];
        let seen = Seen::from([("/0".to_owned(), 2), ("/1".to_owned(), 3)]);
        assert_eq!(Tally::of(&recording(&outcomes), &seen, path).doubled, 2);
    }

    #[test]
    fn a_good_answer_that_no_server_gave_is_seen() {
        let tally = Tally::of(&recording(&[Outcome::Answered(200)]), &Seen::new(), path);
        assert_eq!(tally.invented, 1);
    }
}
