//! The same thing measured on several proxies, and the verdict on ours: what it
//! takes as a share of what the best rival takes, medians both.

use super::peers::Kind;
use crate::measure::report::{Figure, Report};
use crate::measure::samples::Samples;
use crate::measure::table::number;

/// What one proxy took, run by run.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) label: String,
    pub(super) samples: Samples,
}

/// What is asked of ours.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    /// Less is better: no more than this share of the lowest rival's.
    AtMost(f64),
    /// More is better: no less than this share of the highest rival's.
    AtLeast(f64),
}

/// Where the better of the two decides.
pub(super) const BOTH: &[Kind] = &[Kind::Nginx, Kind::Haproxy];

/// Adds what was measured as `name`; with `asked`, the verdict beside those rivals too.
pub(super) fn record(report: &mut Report, name: &str, unit: &str, entries: &[Entry], asked: Option<(Bound, &[Kind])>) {
    let Some(ours) = entries.iter().find(|entry| entry.kind == Kind::Ours) else {
        for entry in entries {
            report.figure(Figure::plain(
                format!("{name}, {}", entry.label),
                entry.samples.median(),
                unit,
            ));
        }
        return;
    };
    let others = || entries.iter().filter(|entry| entry.kind != Kind::Ours);
    let beside: Vec<_> = others()
        .map(|entry| format!("{}: {}", entry.label, spread(entry)))
        .collect();
    let value = ours.samples.median();
    report.figure(Figure::plain(name, value, unit).beside(beside.join(", ")));
    let Some((bound, rivals)) = asked else {
        return;
    };
    if ours.samples.min() < ours.samples.max() {
        for figure in ours.samples.spread(name, unit) {
            report.figure(figure);
        }
    }
    let rivals = others().filter(|entry| rivals.contains(&entry.kind));
    let medians = rivals.map(|entry| (entry.samples.median(), &entry.label));
    let best = match bound {
        Bound::AtMost(_) => medians.min_by(|one, other| one.0.total_cmp(&other.0)),
        Bound::AtLeast(_) => medians.max_by(|one, other| one.0.total_cmp(&other.0)),
    };
    let name = format!("{name}, share of the best");
    match (best, bound) {
        (Some((theirs, label)), Bound::AtMost(share)) => {
            report.figure(Figure::at_most(name, value / theirs, "x", share).beside(label.clone()));
        }
        (Some((theirs, label)), Bound::AtLeast(share)) => {
            report.figure(Figure::at_least(name, value / theirs, "x", share).beside(label.clone()));
        }
        (None, _) => report.unproven(format!("{name}: there is nobody to compare with")),
    }
}

fn spread(entry: &Entry) -> String {
    let samples = &entry.samples;
    let median = number(samples.median());
    if samples.min() < samples.max() {
        format!("{median} ({} to {})", number(samples.min()), number(samples.max()))
    } else {
        median
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::report::Verdict;

    fn entry(kind: Kind, values: &[f64]) -> Entry {
        Entry {
            kind,
            label: kind.name().into(),
            samples: values.iter().copied().collect(),
        }
    }

    fn recorded(ours: f64, asked: Option<(Bound, &[Kind])>) -> Report {
        let entries = [
            entry(Kind::Ours, &[ours, ours, 99.0 * ours]),
            entry(Kind::Nginx, &[20.0, 21.0, 19.0]),
            entry(Kind::Haproxy, &[25.0]),
        ];
        let mut report = Report::new("lb");
        record(&mut report, "CPU", "us", &entries, asked);
        report
    }

    #[test]
    fn the_better_rival_decides() {
        assert_eq!(
            recorded(18.0, Some((Bound::AtMost(0.9), BOTH))).verdict(),
            Verdict::Holds
        );
        assert_eq!(
            recorded(18.1, Some((Bound::AtMost(0.9), BOTH))).verdict(),
            Verdict::Fails
        );
        assert_eq!(
            recorded(25.0, Some((Bound::AtLeast(1.0), BOTH))).verdict(),
            Verdict::Holds
        );
        assert_eq!(
            recorded(24.9, Some((Bound::AtLeast(1.0), BOTH))).verdict(),
            Verdict::Fails
        );
    }

    #[test]
    fn only_the_rivals_that_are_named_decide() {
        let against_haproxy = Some((Bound::AtMost(1.0), &[Kind::Haproxy][..]));
        assert_eq!(recorded(25.0, against_haproxy).verdict(), Verdict::Holds);
    }

    #[test]
    fn the_table_has_medians_spread_and_share() {
        let report = recorded(18.0, Some((Bound::AtMost(0.9), BOTH)));
        let names: Vec<_> = report.figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(
            names,
            ["CPU", "CPU, lowest run", "CPU, highest run", "CPU, share of the best"]
        );
        let peers = report.figures[0].peer.as_deref();
        assert_eq!(peers, Some("nginx: 20 (19 to 21), haproxy: 25"));
        let share = &report.figures[3];
        assert_eq!((share.value, share.peer.as_deref()), (0.9, Some("nginx")));
        assert_eq!(recorded(18.0, None).figures.len(), 1);
    }

    #[test]
    fn without_ours_the_others_are_shown_and_no_verdict_is_given() {
        let mut report = Report::new("lb");
        let asked = Some((Bound::AtMost(0.9), BOTH));
        record(
            &mut report,
            "CPU",
            "us",
            &[entry(Kind::Nginx, &[20.0, 21.0, 19.0])],
            asked,
        );
        let figure = &report.figures[0];
        assert_eq!(
            (figure.name.as_str(), figure.value, figure.holds),
            ("CPU, nginx", 20.0, None)
        );
    }

    #[test]
    fn without_a_rival_nothing_is_proven() {
        let mut report = Report::new("lb");
        let alone = [entry(Kind::Ours, &[1.0])];
        record(&mut report, "CPU", "us", &alone, Some((Bound::AtMost(0.9), BOTH)));
        assert_eq!(report.verdict(), Verdict::CouldNotRun);
    }
}
