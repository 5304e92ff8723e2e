//! What became of each request, and what can be said of all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::measure::histogram::Latencies;

/// A generator this late (99th percentile) was busy, and what it measured is
/// partly itself.
const LATE: Duration = Duration::from_millis(2);
/// Of one core; above it the generator may have been the limit.
const BUSY: f64 = 0.8;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Which of the plan's targets.
    pub(crate) target: usize,
    /// When it was due, from the beginning of the load.
    pub(crate) due: Duration,
    /// How much later it left.
    pub(crate) late: Duration,
    /// From when it was due to the last byte of the answer.
    pub(crate) latency: Duration,
    /// What came of it.
    pub(crate) outcome: Outcome,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A whole answer with this status.
    Answered(u16),
    /// A whole answer, but not the one to this request.
    Foreign,
    /// Half of an answer.
    Cut(String),
    /// No answer.
    Failed(String),
    /// No whole answer before the deadline.
    TimedOut,
    /// The generator had no place left for it.
    NotSent,
}

impl Record {
    pub(super) fn new(target: usize, due: Duration) -> Self {
        Self {
            target,
            due,
            late: Duration::ZERO,
            latency: Duration::ZERO,
            outcome: Outcome::NotSent,
        }
    }

    /// Whether the client got what it asked for: a whole answer with 2xx or 3xx.
    pub(crate) fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Answered(200..=399))
    }
}

/// Every request of a load.
#[derive(Debug)]
pub(crate) struct Recording {
    /// In the order of their ends.
    pub(crate) records: Vec<Record>,
    /// How long it took in all.
    pub(crate) elapsed: Duration,
    /// CPU time of this process meanwhile; `None` where the system does not tell.
    pub(crate) cpu: Option<Duration>,
}

impl Recording {
    /// Latencies of the requests that `choose` picks.
    pub(crate) fn latencies(&self, choose: impl Fn(&Record) -> bool) -> Latencies {
        self.records
            .iter()
            .filter(|record| choose(record))
            .map(|record| record.latency)
            .collect()
    }

    /// Requests without a good answer.
    pub(crate) fn failed(&self) -> usize {
        self.records.iter().filter(|record| !record.succeeded()).count()
    }

    /// Kinds of failure with their counts and when the first was due.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut kinds: BTreeMap<String, (usize, Duration)> = BTreeMap::new();
        for record in self.records.iter().filter(|record| !record.succeeded()) {
            let kind = match &record.outcome {
                Outcome::Answered(status) => format!("status {status}"),
                Outcome::Foreign => "the answer to another request".into(),
                Outcome::Cut(reason) => format!("answer broke off: {reason}"),
                Outcome::Failed(reason) => reason.clone(),
                Outcome::TimedOut => "no whole answer before the deadline".into(),
                Outcome::NotSent => "not sent: too many were waiting".into(),
            };
            let entry = kinds.entry(kind).or_insert((0, record.due));
            *entry = (entry.0 + 1, entry.1.min(record.due));
        }
        kinds
            .into_iter()
            .map(|(kind, (count, first))| format!("{count} x {kind} (first due at {:.1} s)", first.as_secs_f64()))
            .collect()
    }

    /// How late requests left, 99th percentile, milliseconds.
    pub(crate) fn late_p99_ms(&self) -> f64 {
        self.records
            .iter()
            .map(|record| record.late)
            .collect::<Latencies>()
            .ms(0.99)
    }

    /// The generator's use of one core, 0 to 1 and above.
    pub(crate) fn generator_cpu(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() / self.elapsed.as_secs_f64())
    }

    /// Why the generator may have been the limit; `None` when it was not.
    pub(crate) fn generator_was_the_limit(&self) -> Option<String> {
        let late = self.late_p99_ms();
        if late > LATE.as_secs_f64() * 1000.0 {
            return Some(format!(
                "the load generator sent 1 in 100 requests {late:.1} ms late or more: latencies include that"
            ));
        }
        let cpu = self.generator_cpu()?;
        (cpu > BUSY).then(|| {
            format!(
                "the load generator used {:.0}% of a core and may have been the limit",
                cpu * 100.0
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(records: Vec<Record>) -> Recording {
        Recording {
            records,
            elapsed: Duration::from_secs(10),
            cpu: Some(Duration::from_secs(1)),
        }
    }

    fn record(due_ms: u64, outcome: Outcome) -> Record {
        Record {
            outcome,
            ..Record::new(0, Duration::from_millis(due_ms))
        }
    }

    #[test]
    fn failures_are_counted_by_kind_with_the_first_of_each() {
        let recording = recording(vec![
            record(0, Outcome::Answered(200)),
            record(900, Outcome::Answered(502)),
            record(500, Outcome::Answered(502)),
            record(700, Outcome::Failed("connection reset".into())),
            record(100, Outcome::Answered(308)),
        ]);
        assert_eq!(recording.failed(), 3);
        assert_eq!(
            recording.failures(),
            [
                "1 x connection reset (first due at 0.7 s)",
                "2 x status 502 (first due at 0.5 s)"
            ]
        );
    }

    #[test]
    fn a_late_generator_says_that_it_was_the_limit() {
        let mut late = record(0, Outcome::Answered(200));
        late.late = Duration::from_millis(30);
        let reason = recording(vec![late]).generator_was_the_limit().expect("late");
        assert!(reason.contains("30.0 ms late"), "{reason}");
        let punctual = recording(vec![record(0, Outcome::Answered(200))]);
        assert_eq!(punctual.generator_was_the_limit(), None);
    }

    #[test]
    fn a_busy_generator_says_that_it_was_the_limit() {
        let mut busy = recording(vec![record(0, Outcome::Answered(200))]);
        busy.cpu = Some(Duration::from_secs(9));
        let reason = busy.generator_was_the_limit().expect("busy");
        assert!(reason.contains("90% of a core"), "{reason}");
    }
}
