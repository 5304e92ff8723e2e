//! The report of a benchmark or drill: the same JSON for all of them, for
//! `make bench`, for CI and for whoever compares two commits.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Error;
use super::machine::{self, Machine};

/// Everything a run found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Name of the benchmark or drill.
    pub(crate) name: String,
    /// Commit that was measured, `-dirty` when the tree had changes.
    pub(crate) commit: String,
    /// Machine it ran on.
    pub(crate) machine: Machine,
    /// What was measured.
    pub(crate) figures: Vec<Figure>,
    /// What could not be measured, and why.
    pub(crate) missing: Vec<String>,
    /// Whether a value that has a bound is among what is missing.
    #[serde(skip)]
    unproven: bool,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// What was measured, such as `search by name: p99`.
    pub(crate) name: String,
    /// The value.
    pub(crate) value: f64,
    /// Its unit, such as `ms`.
    pub(crate) unit: String,
    /// What it must be, such as `<= 15`; null when nothing is asked of it.
    pub(crate) bound: Option<String>,
    /// Whom it was compared with and what they had, such as `nginx 1.26: 31.2`.
    pub(crate) peer: Option<String>,
    /// Whether it is what it must be; null without a bound.
    pub(crate) holds: Option<bool>,
}

impl Figure {
    /// A value that nothing is asked of.
    pub(crate) fn plain(name: impl Into<String>, value: f64, unit: &str) -> Self {
        Self {
            name: name.into(),
            value,
            unit: unit.into(),
            bound: None,
            peer: None,
            holds: None,
        }
    }

    /// A value that must not be above `bound`.
    pub(crate) fn at_most(name: impl Into<String>, value: f64, unit: &str, bound: f64) -> Self {
        Self {
            bound: Some(format!("<= {bound}")),
            holds: Some(value <= bound),
            ..Self::plain(name, value, unit)
        }
    }

    /// A value that must not be below `bound`.
    pub(crate) fn at_least(name: impl Into<String>, value: f64, unit: &str, bound: f64) -> Self {
        Self {
            bound: Some(format!(">= {bound}")),
            holds: Some(value >= bound),
            ..Self::plain(name, value, unit)
        }
    }

    /// The same beside what others had, such as `nginx 1.26: 31.2`.
    pub(crate) fn beside(self, peer: String) -> Self {
        Self {
            peer: Some(peer).filter(|peer| !peer.is_empty()),
            ..self
        }
    }
}

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every bound holds: exit code 0.
    Holds,
    /// A bound does not hold: 1.
    Fails,
    /// Nothing was measured, or not everything that has a bound: 2.
    CouldNotRun,
}

impl Verdict {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Holds => 0,
            Self::Fails => 1,
            Self::CouldNotRun => 2,
        }
    }
}

impl Report {
    /// A report of this commit on this machine, empty yet.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            commit: machine::commit(),
            machine: Machine::this(),
            figures: Vec::new(),
            missing: Vec::new(),
            unproven: false,
        }
    }

    /// Adds a value. One that is no number is missing: JSON would make it null.
    pub(crate) fn figure(&mut self, figure: Figure) {
        if figure.value.is_finite() {
            self.figures.push(figure);
            return;
        }
        let why = "what was measured gives no number";
        match figure.bound {
            Some(bound) => self.unproven(format!("{} {bound} {}: {why}", figure.name, figure.unit)),
            None => self.missing(format!("{}: {why}", figure.name)),
        }
    }

    /// Adds what could not be measured.
    pub(crate) fn missing(&mut self, what_and_why: impl Into<String>) {
        self.missing.push(what_and_why.into());
    }

    /// Adds what has a bound and could not be measured: without it the bounds as a whole do not hold.
    pub(crate) fn unproven(&mut self, what_and_why: impl Into<String>) {
        self.unproven = true;
        self.missing(what_and_why);
    }

    /// The same with nothing but what has a bound: for who has seen the rest in another form.
    pub(crate) fn bounded(&self) -> Self {
        let mut report = self.clone();
        report.figures.retain(|figure| figure.bound.is_some());
        report
    }

    /// The verdict over all figures.
    pub(crate) fn verdict(&self) -> Verdict {
        if self.figures.iter().any(|figure| figure.holds == Some(false)) {
            Verdict::Fails
        } else if self.figures.is_empty() || self.unproven {
            Verdict::CouldNotRun
        } else {
            Verdict::Holds
        }
    }

    /// Writes the report as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| Error::CannotRun(error.to_string()))?;
        text.push('\n');
        std::fs::write(path, text).map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("api");
        report.figure(Figure::at_most("search by name: p99", 9.5, "ms", 15.0));
        report
    }

    #[test]
    fn the_json_has_exactly_the_keys_of_the_contract() {
        let mut report = report();
        report.missing("nginx: not installed");
        let json = serde_json::to_value(&report).expect("json");
        let keys = |value: &serde_json::Value| -> Vec<String> {
            let mut keys: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&json), ["commit", "figures", "machine", "missing", "name"]);
        assert_eq!(
            keys(&json["figures"][0]),
            ["bound", "holds", "name", "peer", "unit", "value"]
        );
        assert_eq!(json["figures"][0]["holds"], true);
        assert_eq!(json["figures"][0]["bound"], "<= 15");
        assert_eq!(json["figures"][0]["peer"], serde_json::Value::Null);
        assert_eq!(json["missing"][0], "nginx: not installed");
        assert_eq!(serde_json::from_value::<Report>(json).expect("reads back"), report);
    }

    #[test]
    fn the_verdict_is_the_worst_of_the_figures() {
        assert_eq!(Report::new("x").verdict(), Verdict::CouldNotRun);
        let mut report = report();
        assert_eq!(report.verdict(), Verdict::Holds);
        report.figure(Figure::at_most("failed", 1.0, "requests", 0.0));
        assert_eq!(report.verdict(), Verdict::Fails);
        assert_eq!(report.verdict().exit_code(), 1);
    }

    #[test]
    fn a_bound_from_below_holds_from_there_on() {
        let figure = |value| Figure::at_least("handshakes", value, "1/s", 1.0).beside("nginx: 900".into());
        assert_eq!(figure(1.0).holds, Some(true));
        assert_eq!(figure(0.99).holds, Some(false));
        assert_eq!(figure(1.0).bound.as_deref(), Some(">= 1"));
        assert_eq!(figure(1.0).peer.as_deref(), Some("nginx: 900"));
        assert_eq!(figure(1.0).beside(String::new()).peer, None);
    }

    #[test]
    fn a_value_that_is_no_number_is_missing_and_proves_nothing() {
        let mut report = report();
        report.figure(Figure::plain("CPU a request", f64::INFINITY, "ms"));
        assert_eq!(report.verdict(), Verdict::Holds);
        report.figure(Figure::at_most("p99", f64::NAN, "ms", 15.0));
        assert_eq!(report.figures.len(), 1);
        assert_eq!(
            report.missing,
            [
                "CPU a request: what was measured gives no number",
                "p99 <= 15 ms: what was measured gives no number"
            ]
        );
        assert_eq!(report.verdict(), Verdict::CouldNotRun);
    }

    #[test]
    fn a_bound_that_does_not_hold_outweighs_one_that_was_not_tried() {
        let mut report = report();
        report.unproven("memory: this system does not tell");
        assert_eq!(report.verdict(), Verdict::CouldNotRun);
        assert_eq!(report.verdict().exit_code(), 2);
        report.figure(Figure::at_most("p99", 16.0, "ms", 15.0));
        assert_eq!(report.verdict(), Verdict::Fails);
    }
}
