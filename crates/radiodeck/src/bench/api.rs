//! `bench api`: the catalogue filled with real stations, then requests through
//! the balancer as clients send them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::kind::{KINDS, Run};
use super::{Args, child};
use crate::measure::Error;
use crate::measure::http::ask;
use crate::measure::load::{Load, Target};
use crate::measure::output::Progress;
use crate::measure::report::{Figure, Report};
use crate::measure::samples::interleaved;
use crate::measure::stage::Stage;
use crate::measure::watch::watch;
use crate::up::Interrupt;

/// Bounds for a machine of two cores and the catalogue of 53,606 stations.
const IMPORT_S: f64 = 30.0;
const SECOND_IMPORT_S: f64 = 45.0;
const IMPORT_MB: f64 = 150.0;

/// Runs of each kind of request.
const ROUNDS: usize = 3;
const WARMING: Duration = Duration::from_secs(1);

/// Runs the benchmark.
pub(super) async fn run(
    args: &Args,
    report: &mut Report,
    progress: &Progress,
    interrupt: &mut Interrupt,
) -> Result<(), Error> {
    let stations = stations(args)?;
    progress.step("starting the stack", 0);
    let stage = Stage::set(2, interrupt).await?;
    let outcome = measure(&stage, &stations, report, progress, interrupt).await;
    progress.step("stopping the stack", 0);
    stage.strike().await;
    outcome
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
            None => report.unproven(format!("{name}: peak memory: this system does not tell")),
        }
    }
    progress.step("waiting for the database to come to rest", 0);
    if !stage.settle().await {
        report.missing("a database at rest: it still worked a minute after the import, and figures include that");
    }
    check_answer(stage).await?;
    requests(stage, report, progress, interrupt).await
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

/// Runs every kind of request, several times and in turns.
async fn requests(
    stage: &Stage,
    report: &mut Report,
    progress: &Progress,
    interrupt: &mut Interrupt,
) -> Result<(), Error> {
    let mut runs: [Vec<Run>; KINDS.len()] = Default::default();
    for number in interleaved(KINDS.len(), ROUNDS) {
        let kind = &KINDS[number];
        let name = format!("{}, run {} of {ROUNDS}", kind.name, runs[number].len() + 1);
        // Caches warm, connections to the app open, plans prepared: what lasts is measured, not the beginning.
        let warming = Load::start(kind.plan(stage.state.http, WARMING))?;
        watch(warming, &format!("{name}: warming up"), progress, interrupt).await?;
        let before = stage.cpu();
        let load = Load::start(kind.plan(stage.state.http, kind.duration))?;
        let recording = watch(load, &name, progress, interrupt).await?;
        for failure in recording.failures() {
            progress.note(&format!("{name}: {failure}"));
        }
        runs[number].push(Run::of(&recording, before.zip(stage.cpu())));
    }
    for (kind, runs) in KINDS.iter().zip(&runs) {
        kind.record(runs, report);
    }
    Ok(())
}
