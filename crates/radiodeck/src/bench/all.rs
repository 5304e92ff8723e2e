//! `bench all`: every benchmark, and docs/benchmarks.md written from what they
//! found. What stands outside of the markers is left alone, and so is the section
//! of a benchmark that could not run this time.

use std::path::Path;
use std::process::ExitCode;

use super::{Args, BENCHES, measure_one};
use crate::measure::report::{Report, Verdict};
use crate::measure::{Error, document, output, table};

const WRITTEN_BY: &str = "radiodeck bench all";

pub(super) fn run(args: &Args) -> Result<ExitCode, Error> {
    output::check(args.json.iter().chain(&args.docs))?;
    let mut reports = Vec::new();
    for (name, _) in BENCHES {
        let report = measure_one(name, args)?;
        output::conclude(&report, None)?;
        reports.push(report);
    }
    // One file that cannot be written does not keep the other from being.
    let json = args.json.as_deref().map_or(Ok(()), |path| write_json(path, &reports));
    let docs = args.docs.as_deref().map_or(Ok(()), |path| write_docs(path, &reports));
    json.and(docs)?;
    Ok(ExitCode::from(worst(&reports).exit_code()))
}

fn write_json(path: &Path, reports: &[Report]) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(reports).map_err(|error| Error::CannotRun(error.to_string()))?;
    document::write(path, &(text + "\n"))
}

fn write_docs(path: &Path, reports: &[Report]) -> Result<(), Error> {
    document::write(path, &replace(&document::read(path)?, reports))
}

/// A bound that does not hold outweighs what could not run.
fn worst(reports: &[Report]) -> Verdict {
    let has = |verdict| reports.iter().any(|report| report.verdict() == verdict);
    if has(Verdict::Fails) {
        Verdict::Fails
    } else if has(Verdict::CouldNotRun) {
        Verdict::CouldNotRun
    } else {
        Verdict::Holds
    }
}

/// The document with its generated part replaced, or with one at the end.
fn replace(old: &str, reports: &[Report]) -> String {
    let part = document::part(old, WRITTEN_BY);
    let section = |report: &Report| {
        let kept = (report.verdict() == Verdict::CouldNotRun)
            .then(|| section(part, &report.name))
            .flatten();
        kept.unwrap_or_else(|| table::markdown(report))
    };
    let sections: Vec<_> = reports.iter().map(section).collect();
    document::replace(old, "Benchmarks", WRITTEN_BY, &sections.join("\n"))
}

/// The section of the benchmark `name` as it stands in the generated part.
fn section(part: &str, name: &str) -> Option<String> {
    let mut lines = part.lines().skip_while(|line| line.strip_prefix("## ") != Some(name));
    let head = lines.next()?;
    let body: Vec<_> = lines.take_while(|line| !line.starts_with("## ")).collect();
    Some(format!("{head}\n{}\n", body.join("\n").trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::report::Figure;

    fn report(value: f64) -> Report {
        let mut report = Report::new("api");
        report.figure(Figure::at_most("p99", value, "ms", 15.0));
        report
    }

    #[test]
    fn only_the_generated_part_of_the_document_changes() {
        let first = replace("# Figures\n\nHow to read them.\n", &[report(9.0)]);
        assert!(
            first.starts_with("# Figures\n\nHow to read them.\n\n<!-- begin"),
            "{first}"
        );
        let with_end = format!("{first}\nMore.\n");
        let second = replace(&with_end, &[report(12.0)]);
        assert!(second.contains("How to read them."), "{second}");
        assert!(second.contains("| p99 | 12 ms"), "{second}");
        assert!(!second.contains("| p99 | 9 ms"), "{second}");
        assert!(second.ends_with("More.\n"), "{second}");
        assert_eq!(replace(&second, &[report(12.0)]), second);
    }

    #[test]
    fn a_benchmark_that_could_not_run_keeps_its_old_section() {
        let broken = |name| {
            let mut report = Report::new(name);
            report.missing("nothing to import");
            report
        };
        let first = replace("", &[report(9.0), broken("lb")]);
        assert!(first.contains("- nothing to import"), "{first}");
        let second = replace(&first, &[broken("api"), broken("lb")]);
        assert_eq!(second, first);
        let third = replace(&first, &[report(12.0), broken("lb")]);
        assert!(
            third.contains("| p99 | 12 ms") && !third.contains("| p99 | 9 ms"),
            "{third}"
        );
    }

    #[test]
    fn one_bound_that_does_not_hold_decides() {
        assert_eq!(worst(&[report(9.0), report(16.0), Report::new("lb")]), Verdict::Fails);
        assert_eq!(worst(&[report(9.0), Report::new("lb")]), Verdict::CouldNotRun);
        assert_eq!(worst(&[report(9.0)]), Verdict::Holds);
    }
}
