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
            // A value that is no number is no pass.
            holds: Some(value <= bound),
            ..Self::plain(name, value, unit)
        }
    }

    #[allow(dead_code, reason = "comparisons with peers come with the parts that have peers")]
    /// A value that must not be below `bound`.
    pub(crate) fn at_least(name: impl Into<String>, value: f64, unit: &str, bound: f64) -> Self {
        Self {
            bound: Some(format!(">= {bound}")),
            holds: Some(value >= bound),
            ..Self::plain(name, value, unit)
        }
    }

    /// A value that must not be above `share` of what a peer had in the same run.
    #[allow(dead_code, reason = "comparisons with peers come with the parts that have peers")]
    pub(crate) fn against(
        name: impl Into<String>,
        value: f64,
        unit: &str,
        share: f64,
        peer: &str,
        theirs: f64,
    ) -> Self {
        Self {
            bound: Some(format!("<= {share} x {peer}")),
            peer: Some(format!("{peer}: {theirs:.3}")),
            holds: Some(value <= share * theirs),
            ..Self::plain(name, value, unit)
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
    /// Nothing was measured: 2.
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
        }
    }

    /// Adds a value.
    pub(crate) fn figure(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Adds what could not be measured.
    pub(crate) fn missing(&mut self, what_and_why: impl Into<String>) {
        self.missing.push(what_and_why.into());
    }

    /// The verdict over all figures.
    pub(crate) fn verdict(&self) -> Verdict {
        if self.figures.is_empty() {
            Verdict::CouldNotRun
        } else if self.figures.iter().any(|figure| figure.holds == Some(false)) {
            Verdict::Fails
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
        report.figure(Figure::at_least("throughput", 1.0, "1/s", 2.0));
        assert_eq!(report.verdict(), Verdict::Fails);
        assert_eq!(report.verdict().exit_code(), 1);
    }

    #[test]
    fn a_value_that_is_no_number_holds_no_bound() {
        assert_eq!(Figure::at_most("x", f64::NAN, "ms", 1.0).holds, Some(false));
        assert_eq!(Figure::at_least("x", f64::NAN, "ms", 1.0).holds, Some(false));
    }

    #[test]
    fn a_peer_is_named_with_its_value() {
        let figure = Figure::against("CPU per request", 9.0, "us", 0.9, "HAProxy", 10.0);
        assert_eq!(figure.holds, Some(true));
        assert_eq!(figure.peer.as_deref(), Some("HAProxy: 10.000"));
        assert_eq!(figure.bound.as_deref(), Some("<= 0.9 x HAProxy"));
    }
}
