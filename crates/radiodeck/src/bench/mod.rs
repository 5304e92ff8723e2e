//! `radiodeck bench`: what the parts cost, against their bounds.

mod all;
mod api;
mod child;
mod kind;
mod lb;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::error;
use crate::measure::output::{self, Progress, conclude};
use crate::measure::report::Report;
use crate::measure::{Error, runtime};
use crate::up::Interrupt;

/// Name and what it measures. Each comes with the part that it measures.
const BENCHES: [(&str, &str); 3] = [
    (
        "api",
        "importing 53,606 stations, and what requests to site and API cost after that",
    ),
    (
        "lb",
        "the balancer beside nginx and HAProxy: CPU, latency, memory, TLS, and how even its turns are",
    ),
    (
        "attack",
        "what others see of 20,000 half-open and 5,000 slow connections, and of HTTP/2 floods",
    ),
];

/// Measure what the parts cost.
///
/// `list` shows the names; `all` runs every one. Each prints a table and ends
/// with 0 when every bound holds, 1 when one does not and 2 when it could not
/// run or could not measure everything that has a bound. A benchmark starts what it measures by itself, in a folder of its own.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  cargo run --release -- bench list
  cargo run --release -- bench api --json api.json
  cargo run --release -- bench lb --rounds 5 --seconds 10
  cargo run --release -- bench all --docs docs/benchmarks.md")]
pub(crate) struct Args {
    /// Which one, or `all`; `list` shows the names.
    name: String,
    /// Write the report as JSON (with `all`: a list of reports).
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// With `all`: rewrite the generated part of this Markdown file; what could not run keeps its section.
    #[arg(long, value_name = "FILE")]
    docs: Option<PathBuf>,
    /// Stations to import [default: $RADIODECK_STATIONS, else ../shared/data/stations.ndjson.gz].
    #[arg(long, value_name = "FILE")]
    stations: Option<PathBuf>,
    /// Measure a debug build all the same; its figures mean nothing.
    #[arg(long)]
    allow_debug: bool,
    #[command(flatten)]
    lb: lb::Options,
}

/// Runs the subcommand.
pub(crate) fn run(args: Args) -> Result<ExitCode, error::Error> {
    service::init_tracing(service::LogFormat::Human, "warn");
    match args.name.as_str() {
        "list" => {
            for (name, what) in BENCHES {
                output::print(&format!("{name:<8} {what}\n"));
            }
            Ok(ExitCode::SUCCESS)
        }
        "all" => Ok(all::run(&args)?),
        name if BENCHES.iter().any(|(known, _)| *known == name) => {
            output::check(&args.json)?;
            Ok(conclude(&measure_one(name, &args)?, args.json.as_deref())?)
        }
        name => Err(Error::unknown("benchmark", name, &BENCHES.map(|(known, _)| known)).into()),
    }
}

/// Runs one benchmark; one that cannot run gives a report that says why.
fn measure_one(name: &str, args: &Args) -> Result<Report, Error> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let mut interrupt = Interrupt::listen()?;
        let progress = Progress::start();
        let mut report = Report::new(name);
        release_build(args, &mut report)?;
        match name {
            "api" => api::run(args, &mut report, &progress, &mut interrupt).await?,
            "attack" => lb::run_attack(&args.lb, &mut report, &progress, &mut interrupt).await?,
            _ => lb::run(&args.lb, &mut report, &progress, &mut interrupt).await?,
        }
        Ok(report)
    });
    match outcome {
        Ok(report) => Ok(report),
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Err(error) => Ok(output::could_not_run(name, &error)),
    }
}

/// Figures of a debug build mean nothing: there are none unless they are asked for.
fn release_build(args: &Args, report: &mut Report) -> Result<(), Error> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    if !args.allow_debug {
        return Err(Error::CannotRun(format!(
            "this is a debug build and its figures would mean nothing: use `cargo run --release -- bench {}`, \
             or --allow-debug to see it run",
            report.name
        )));
    }
    report.missing("a release build: this is a debug build, its figures mean nothing");
    Ok(())
}
