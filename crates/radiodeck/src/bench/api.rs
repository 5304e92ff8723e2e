//! `bench api`: the catalogue filled with real stations, then requests through
//! the balancer as clients send them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Args, child};
use crate::measure::Error;
use crate::measure::http::ask;
use crate::measure::load::{Load, Plan, Target};
use crate::measure::output::Progress;
use crate::measure::report::{Figure, Report};
use crate::measure::stage::Stage;
use crate::measure::watch::watch;
use crate::up::Interrupt;

const API: &str = "api.radiodeck.localhost";
const WWW: &str = "www.radiodeck.localhost";

/// Bounds of the issue that brought this benchmark, for a machine of two cores.
const IMPORT_S: f64 = 30.0;
const SECOND_IMPORT_S: f64 = 45.0;
const IMPORT_MB: f64 = 150.0;
const SEARCH_P99_MS: f64 = 15.0;

/// Requests that are measured, one kind after the other.
struct Kind {
    name: &'static str,
    host: &'static str,
    path: &'static str,
    per_second: u32,
    seconds: u64,
    p99_bound_ms: Option<f64>,
}

const fn unbounded(name: &'static str, host: &'static str, path: &'static str) -> Kind {
    Kind {
        name,
        host,
        path,
        per_second: 50,
        seconds: 8,
        p99_bound_ms: None,
    }
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "search by name",
        host: API,
        path: "/json/stations/search?name=jazz&limit=20",
        per_second: 200,
        seconds: 20,
        p99_bound_ms: Some(SEARCH_P99_MS),
    },
    unbounded("top 50 by clicks", API, "/json/stations/topclick/50"),
    unbounded("by country code", API, "/json/stations/bycountrycodeexact/SI"),
    unbounded("1000 tags", API, "/json/tags?limit=1000"),
    unbounded("home page", WWW, "/"),
];

/// Runs the benchmark.
pub(super) async fn run(args: &Args, progress: &Progress, interrupt: &mut Interrupt) -> Result<Report, Error> {
    let mut report = Report::new("api");
    if cfg!(debug_assertions) {
        if !args.allow_debug {
            return Err(Error::CannotRun(
                "this is a debug build and its figures would mean nothing: use `cargo run --release -- bench api`, \
                 or --allow-debug to see it run"
                    .into(),
            ));
        }
        report.missing("a release build: this is a debug build, its figures mean nothing");
    }
    let stations = stations(args)?;
    progress.step("starting the stack", 0);
    let stage = Stage::set(2, interrupt).await?;
    let outcome = measure(&stage, &stations, &mut report, progress, interrupt).await;
    progress.step("stopping the stack", 0);
    stage.strike().await;
    outcome.map(|()| report)
}

fn stations(args: &Args) -> Result<PathBuf, Error> {
    let named = args
        .stations
        .clone()
        .or_else(|| std::env::var_os("RADIODECK_STATIONS").map(PathBuf::from));
    let path = named.unwrap_or_else(|| PathBuf::from("../shared/data/stations.ndjson.gz"));
    if path.is_file() {
        Ok(path)
    } else {
        Err(Error::CannotRun(format!(
            "no stations to import: {} is not there; name a file with --stations or RADIODECK_STATIONS",
            path.display()
        )))
    }
}

async fn measure(
    stage: &Stage,
    stations: &Path,
    report: &mut Report,
    progress: &Progress,
    interrupt: &mut Interrupt,
) -> Result<(), Error> {
    let owner = stage.state.owner_config.clone().into_os_string();
    let import = [
        "import".into(),
        stations.as_os_str().to_owned(),
        "--config".into(),
        owner,
    ];
    for (name, bound) in [("import", IMPORT_S), ("import again, all upserts", SECOND_IMPORT_S)] {
        progress.step(name, 0);
        let took = child::run(&import, interrupt).await?;
        report.figure(Figure::at_most(name, took.time.as_secs_f64(), "s", bound));
        match took.peak_bytes {
            Some(bytes) => report.figure(Figure::at_most(
                format!("{name}: peak memory"),
                bytes as f64 / 1e6,
                "MB",
                IMPORT_MB,
            )),
            None => report.missing(format!("{name}: peak memory: this system does not tell")),
        }
    }
    progress.step("waiting for the database to come to rest", 0);
    if !stage.settle().await {
        report.missing("a database at rest: it still worked a minute after the import, and figures include that");
    }
    check_answer(stage).await?;
    for kind in &KINDS {
        run_kind(stage, kind, report, progress, interrupt).await?;
    }
    Ok(())
}

/// A search that finds nothing would be fast.
async fn check_answer(stage: &Stage) -> Result<(), Error> {
    let search = Target::get(KINDS[0].host, KINDS[0].path);
    let answer = ask(stage.state.http, &search, Duration::from_secs(10))
        .await
        .map_err(Error::CannotRun)?;
    let found = serde_json::from_slice::<Vec<serde_json::Value>>(&answer.body).map_or(0, |stations| stations.len());
    if found == 20 {
        Ok(())
    } else {
        Err(Error::CannotRun(format!(
            "the search found {found} stations instead of 20, with status {}",
            answer.status
        )))
    }
}

async fn run_kind(
    stage: &Stage,
    kind: &Kind,
    report: &mut Report,
    progress: &Progress,
    interrupt: &mut Interrupt,
) -> Result<(), Error> {
    let plan = |duration| Plan {
        addr: stage.state.http,
        targets: vec![Target::get(kind.host, kind.path)],
        per_second: kind.per_second,
        duration,
        deadline: Duration::from_secs(10),
    };
    // Caches warm, connections open, plans prepared: what lasts is measured, not the beginning.
    watch(
        Load::start(plan(Duration::from_secs(2)))?,
        &format!("{}: warming up", kind.name),
        progress,
        interrupt,
    )
    .await?;
    let before = stage.cpu();
    let load = Load::start(plan(Duration::from_secs(kind.seconds)))?;
    let recording = watch(load, kind.name, progress, interrupt).await?;
    let after = stage.cpu();

    let name = kind.name;
    let latencies = recording.latencies(|_| true);
    report.figure(Figure::plain(
        format!("{name}: requests a second"),
        kind.per_second.into(),
        "1/s",
    ));
    report.figure(Figure::plain(format!("{name}: p50"), latencies.ms(0.5), "ms"));
    let (p99, failed) = (latencies.ms(0.99), recording.failed() as f64);
    let (p99_name, failed_name) = (format!("{name}: p99"), format!("{name}: failed"));
    match kind.p99_bound_ms {
        Some(bound) => {
            report.figure(Figure::at_most(p99_name, p99, "ms", bound));
            report.figure(Figure::at_most(failed_name, failed, "requests", 0.0));
        }
        None => {
            report.figure(Figure::plain(p99_name, p99, "ms"));
            report.figure(Figure::plain(failed_name, failed, "requests"));
        }
    }
    match before.zip(after) {
        Some((before, after)) => {
            for (tier, ms) in after.ms_per_request(&before, recording.records.len()) {
                report.figure(Figure::plain(format!("{name}: CPU a request, {tier}"), ms, "ms"));
            }
            if let Some(others) = after.disturbed(&before, recording.cpu, recording.elapsed) {
                report.missing(format!("{name}: {others}"));
            }
        }
        None => report.missing(format!("{name}: CPU a request: this system does not tell")),
    }
    report.figure(Figure::plain(
        format!("{name}: generator late, p99"),
        recording.late_p99_ms(),
        "ms",
    ));
    for failure in recording.failures() {
        progress.note(&format!("{name}: {failure}"));
    }
    if let Some(reason) = recording.generator_was_the_limit() {
        report.missing(format!("{name}: {reason}"));
    }
    Ok(())
}
