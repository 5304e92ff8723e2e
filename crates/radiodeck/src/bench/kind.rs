//! The kinds of requests that `bench api` measures, and the figures that several
//! runs of one give together.

use std::net::SocketAddr;
use std::time::Duration;

use crate::measure::load::{Plan, Recording, Target};
use crate::measure::report::{Figure, Report};
use crate::measure::samples::Samples;
use crate::measure::stage::TierCpu;
use crate::measure::table::number;

const API: &str = "api.radiodeck.localhost";
const WWW: &str = "www.radiodeck.localhost";

/// For a machine of two cores.
const SEARCH_P99_MS: f64 = 15.0;

/// Requests of one kind.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) host: &'static str,
    pub(super) path: &'static str,
    per_second: u32,
    /// Of one run.
    pub(super) duration: Duration,
    p99_bound_ms: Option<f64>,
}

const fn unbounded(name: &'static str, host: &'static str, path: &'static str) -> Kind {
    Kind {
        name,
        host,
        path,
        per_second: 50,
        duration: Duration::from_secs(4),
        p99_bound_ms: None,
    }
}

pub(super) const KINDS: [Kind; 5] = [
    Kind {
        name: "search by name",
        host: API,
        path: "/json/stations/search?name=jazz&limit=20",
        per_second: 200,
        duration: Duration::from_secs(7),
        p99_bound_ms: Some(SEARCH_P99_MS),
    },
    unbounded("top 50 by clicks", API, "/json/stations/topclick/50"),
    unbounded("by country code", API, "/json/stations/bycountrycodeexact/SI"),
    unbounded("1000 tags", API, "/json/tags?limit=1000"),
    unbounded("home page", WWW, "/"),
];

/// What one run found.
pub(super) struct Run {
    p50_ms: f64,
    p99_ms: f64,
    failed: usize,
    late_p99_ms: f64,
    /// CPU time a request by tier, milliseconds; `None` where the system does not tell.
    cpu_ms: Option<[(&'static str, f64); 3]>,
    /// Why the generator may have been the limit.
    limit: Option<String>,
    /// Who else used the machine.
    disturbed: Option<String>,
}

impl Run {
    /// `cpu` is what the tiers had used before it and after it.
    pub(super) fn of(recording: &Recording, cpu: Option<(TierCpu, TierCpu)>) -> Self {
        let latencies = recording.latencies(|_| true);
        Self {
            p50_ms: latencies.ms(0.5),
            p99_ms: latencies.ms(0.99),
            failed: recording.failed(),
            late_p99_ms: recording.late_p99_ms(),
            cpu_ms: cpu.map(|(before, after)| after.ms_per_request(&before, recording.records.len())),
            limit: recording.generator_was_the_limit(),
            disturbed: cpu.and_then(|(before, after)| after.disturbed(&before, recording.cpu, recording.elapsed)),
        }
    }
}

impl Kind {
    /// A load of these requests alone.
    pub(super) fn plan(&self, addr: SocketAddr, duration: Duration) -> Plan {
        Plan {
            addr,
            targets: vec![Target::get(self.host, self.path)],
            per_second: self.per_second,
            duration,
            deadline: Duration::from_secs(10),
        }
    }

    /// Adds what `runs` found: medians, and of what has a bound the spread too.
    pub(super) fn record(&self, runs: &[Run], report: &mut Report) {
        let name = self.name;
        let samples = |of: fn(&Run) -> f64| runs.iter().map(of).collect::<Samples>();
        let plain = |what: &str, value, unit| Figure::plain(format!("{name}: {what}"), value, unit);
        report.figure(plain("requests a second", self.per_second.into(), "1/s"));
        report.figure(plain("p50", samples(|run| run.p50_ms).median(), "ms"));
        self.record_p99(&samples(|run| run.p99_ms), runs, report);
        // Of all runs: one that failed must not vanish behind two that did not.
        let failed: usize = runs.iter().map(|run| run.failed).sum();
        report.figure(Figure::at_most(
            format!("{name}: failed"),
            failed as f64,
            "requests",
            0.0,
        ));
        self.record_cpu(runs, report);
        report.figure(plain(
            "generator late, p99 of the worst run",
            samples(|run| run.late_p99_ms).max(),
            "ms",
        ));
        if let Some(others) = runs.iter().find_map(|run| run.disturbed.as_deref()) {
            report.missing(format!("{name}: {others}"));
        }
    }

    fn record_p99(&self, p99: &Samples, runs: &[Run], report: &mut Report) {
        let name = format!("{}: p99", self.name);
        let limit = runs.iter().find_map(|run| run.limit.as_deref());
        match (self.p99_bound_ms, limit) {
            (Some(bound), None) => {
                report.figure(Figure::at_most(&name, p99.median(), "ms", bound));
                for figure in p99.spread(&name, "ms") {
                    report.figure(figure);
                }
            }
            // Neither a pass nor the server's fault.
            (Some(bound), Some(limit)) => {
                let value = number(p99.median());
                report.unproven(format!("{name} <= {bound} ms: it came out at {value} ms, but {limit}"));
            }
            (None, limit) => {
                report.figure(Figure::plain(&name, p99.median(), "ms"));
                if let Some(limit) = limit {
                    report.missing(format!("{name} of the server alone: {limit}"));
                }
            }
        }
    }

    fn record_cpu(&self, runs: &[Run], report: &mut Report) {
        let told: Option<Vec<_>> = runs.iter().map(|run| run.cpu_ms).collect();
        let Some([first, others @ ..]) = told.as_deref() else {
            report.missing(format!("{}: CPU a request: this system does not tell", self.name));
            return;
        };
        for (number, (tier, ms)) in first.iter().enumerate() {
            let all = std::iter::once(*ms).chain(others.iter().map(|run| run[number].1));
            report.figure(Figure::plain(
                format!("{}: CPU a request, {tier}", self.name),
                all.collect::<Samples>().median(),
                "ms",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::report::Verdict;

    fn run(p99_ms: f64) -> Run {
        Run {
            p50_ms: 1.0,
            p99_ms,
            failed: 0,
            late_p99_ms: 0.1,
            cpu_ms: Some([("balancer", 0.1), ("app", p99_ms), ("Postgres", 0.3)]),
            limit: None,
            disturbed: None,
        }
    }

    fn recorded(kind: &Kind, runs: &[Run]) -> Report {
        let mut report = Report::new("api");
        kind.record(runs, &mut report);
        report
    }

    fn value(report: &Report, name: &str) -> f64 {
        let found = report.figures.iter().find(|figure| figure.name == name);
        found.unwrap_or_else(|| panic!("no {name} in {report:?}")).value
    }

    #[test]
    fn one_wild_run_does_not_decide() {
        let report = recorded(&KINDS[0], &[run(9.0), run(90.0), run(8.0)]);
        assert_eq!(report.verdict(), Verdict::Holds);
        assert_eq!(value(&report, "search by name: p99"), 9.0);
        assert_eq!(value(&report, "search by name: p99, highest run"), 90.0);
        assert_eq!(value(&report, "search by name: CPU a request, app"), 9.0);
    }

    #[test]
    fn one_failed_request_of_any_kind_fails_the_benchmark() {
        for kind in &KINDS {
            let mut failing = run(9.0);
            failing.failed = 1;
            let report = recorded(kind, &[run(9.0), failing, run(9.0)]);
            assert_eq!(report.verdict(), Verdict::Fails, "{}", kind.name);
        }
    }

    #[test]
    fn a_generator_that_was_the_limit_proves_no_bound() {
        let mut limited = run(9.0);
        limited.limit = Some("late".into());
        let report = recorded(&KINDS[0], &[run(9.0), limited, run(9.0)]);
        assert_eq!(report.verdict(), Verdict::CouldNotRun);
        assert_eq!(
            report.missing,
            ["search by name: p99 <= 15 ms: it came out at 9 ms, but late"]
        );
    }
}
