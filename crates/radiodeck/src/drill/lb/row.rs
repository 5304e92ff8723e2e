//! A row of the tables: what one load saw; and the verdict on it.

use std::time::Duration;

use http::Method;

use super::balancer::Pool;
use super::tally::Tally;
use crate::measure::report::{Figure, Report};
use crate::measure::table::number;

/// What came of one load.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) method: Method,
    pub(super) name: String,
    /// What the checks find.
    pub(super) checks: &'static str,
    pub(super) tally: Tally,
    /// What the balancer counted.
    pub(super) counted: Counted,
    /// When the server was out of rotation, counted from its fault on, and why. `None`: never, or nobody looked.
    pub(super) out: Option<(Duration, String)>,
    /// Whether none may fail.
    pub(super) none_fails: bool,
}

/// The balancer's own counters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) retries: u64,
    pub(super) redispatches: u64,
    pub(super) ejections: u64,
    pub(super) budget_exhausted: u64,
}

impl From<Pool> for Counted {
    fn from(pool: Pool) -> Self {
        Self {
            retries: pool.retries,
            redispatches: pool.redispatches,
            ejections: pool.ejections,
            budget_exhausted: pool.budget_exhausted,
        }
    }
}

/// The heads of [`Row::cells`].
pub(super) const HEADS: [&str; 13] = [
    "one server of three",
    "its checks",
    "requests",
    "good",
    "errors",
    "cut",
    "timed out",
    "p50",
    "p99",
    "retries",
    "redispatches",
    "out of rotation after",
    "seen twice",
];

impl Row {
    pub(super) fn cells(&self) -> [String; 13] {
        let tally = &self.tally;
        let out = self.out.as_ref();
        [
            self.name.clone(),
            self.checks.into(),
            tally.asked.to_string(),
            tally.good.to_string(),
            dash(tally.errors()),
            dash_if_0(tally.cut + tally.unanswered),
            dash_if_0(tally.timed_out),
            format!("{} ms", number(tally.p50_ms)),
            format!("{} ms", number(tally.p99_ms)),
            self.counted.retries.to_string(),
            self.counted.redispatches.to_string(),
            dash(out.map_or(String::new(), |(after, state)| {
                format!("{} s ({state})", number(after.as_secs_f64()))
            })),
            if self.method == Method::GET {
                // That is what a retry is.
                "–".into()
            } else {
                tally.doubled.to_string()
            },
        ]
    }

    /// Adds figures, with the verdict where something is asked for.
    pub(super) fn record(&self, report: &mut Report) {
        let tally = &self.tally;
        let name = |what: &str| format!("{}, {} (checks {}): {what}", self.method, self.name, self.checks);
        let zero = |what: &str, count: usize| Figure::at_most(name(what), count as f64, "requests", 0.0);
        let plain = |what: &str, value: f64, unit: &str| Figure::plain(name(what), value, unit);
        let count = |what: &str, count: usize| plain(what, count as f64, "requests");
        report.figure(count("requests", tally.asked));
        report.figure(if self.none_fails {
            zero("failed", tally.failed())
        } else {
            count("failed", tally.failed())
        });
        if self.method != Method::GET {
            report.figure(zero("seen twice by servers", tally.doubled));
        }
        // Neither has a fault that would excuse it.
        report.figure(zero(
            "answers to other requests, or from no server",
            tally.foreign + tally.invented,
        ));
        for (status, number) in &tally.statuses {
            report.figure(count(&format!("status {status}"), *number));
        }
        report.figure(count("cut", tally.cut));
        report.figure(count("connection ended without an answer", tally.unanswered));
        report.figure(count("timed out", tally.timed_out));
        report.figure(plain("p50", tally.p50_ms, "ms"));
        report.figure(plain("p99", tally.p99_ms, "ms"));
        let counted = &self.counted;
        for (what, value) in [
            ("retries", counted.retries),
            ("redispatches", counted.redispatches),
            ("retries that the budget refused", counted.budget_exhausted),
            ("ejections", counted.ejections),
        ] {
            report.figure(plain(what, value as f64, ""));
        }
        if let Some((after, state)) = &self.out {
            let what = format!("out of rotation ({state}) after");
            report.figure(plain(&what, after.as_secs_f64(), "s"));
        }
        if tally.not_sent > 0 {
            report.unproven(format!(
                "{}: {} requests were not sent, too many were waiting",
                name("requests"),
                tally.not_sent
            ));
        }
    }
}

fn dash(text: String) -> String {
    if text.is_empty() { "–".into() } else { text }
}

fn dash_if_0(count: usize) -> String {
    dash(if count == 0 { String::new() } else { count.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::report::Verdict;

    fn row(method: Method, tally: Tally) -> Row {
        Row {
            method,
            name: "hangs".into(),
            checks: "pass",
            tally: Tally {
                asked: 10,
                p50_ms: 1.0,
                p99_ms: 2.0,
                ..tally
            },
            counted: Counted {
                retries: 1,
                redispatches: 0,
                ejections: 0,
                budget_exhausted: 0,
            },
            out: None,
            none_fails: false,
        }
    }

    fn verdict(row: &Row) -> Verdict {
        let mut report = Report::new("lb");
        row.record(&mut report);
        report.verdict()
    }

    fn good(good: usize) -> Tally {
        Tally {
            good,
            ..Tally::default()
        }
    }

    #[test]
    fn a_failed_request_counts_where_none_may_fail() {
        let mut row = row(Method::GET, good(9));
        assert_eq!(verdict(&row), Verdict::Holds);
        row.none_fails = true;
        assert_eq!(verdict(&row), Verdict::Fails);
        row.tally.good = 10;
        assert_eq!(verdict(&row), Verdict::Holds);
    }

    #[test]
    fn a_post_may_never_be_seen_twice_and_a_get_may() {
        let twice = || Tally { doubled: 1, ..good(10) };
        assert_eq!(verdict(&row(Method::GET, twice())), Verdict::Holds);
        assert_eq!(verdict(&row(Method::POST, twice())), Verdict::Fails);
    }

    #[test]
    fn an_answer_to_another_request_is_never_excused() {
        let foreign = Tally { foreign: 1, ..good(9) };
        let invented = Tally {
            invented: 1,
            ..good(10)
        };
        for tally in [foreign, invented] {
            assert_eq!(verdict(&row(Method::GET, tally)), Verdict::Fails);
        }
    }

    #[test]
    fn requests_that_were_not_sent_prove_nothing() {
        let tally = Tally { not_sent: 1, ..good(9) };
        assert_eq!(verdict(&row(Method::GET, tally)), Verdict::CouldNotRun);
    }
}
