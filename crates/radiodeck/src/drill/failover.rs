//! The drill: app servers and a replica are lost under load, then the primary.
//! Reads must not notice either; writes must be refused in a way that clients can
//! act on, and work again once a primary is back.

use std::time::{Duration, Instant};

use super::ground::Ground;
use super::reads::{Reading, plan, record, under_faults};
use super::scenario::{READS_PER_SECOND, READS_SECONDS, mix, stations};
use super::writes::{Refused, refused, taken};
use crate::measure::Error;
use crate::measure::output::Progress;
use crate::measure::report::{Figure, Report};

/// Writes that are tried while there is no primary: the first meets connections that have just died.
const REFUSED_WRITES: usize = 5;
const REFUSED_WITHIN_S: f64 = 3.0;
const TAKEN_WITHIN_S: f64 = 10.0;

/// Runs the drill and adds its figures to `report`.
pub(super) async fn run(ground: &mut Ground, report: &mut Report, progress: &Progress) -> Result<(), Error> {
    let stations = stations(ground.http()).await?;
    let targets = mix(&stations);
    // Proof that writes work before they are to fail.
    taken(ground.http(), &stations, Instant::now()).await?;
    under_faults(ground, &targets, report, progress).await?;

    let text = "reads and writes without a primary";
    progress.step(text, READS_PER_SECOND as usize * READS_SECONDS as usize);
    let reading = Reading::start(plan(ground, &targets, READS_PER_SECOND, READS_SECONDS))?;
    reading.until(Duration::from_secs(3), progress).await;
    progress.note("the primary killed");
    ground.kill_primary().await?;
    let mut refusals = Vec::new();
    for station in stations.iter().cycle().take(REFUSED_WRITES) {
        refusals.push(refused(ground.http(), station).await);
    }
    // Reads go on without a primary for a while more.
    let recording = reading.finish(progress).await?;
    record("GETs without a primary", &recording, report, progress);
    record_refusals(&refusals, report, progress);

    progress.step("writes once the primary is back", 0);
    let since = Instant::now();
    ground.start_primary().await?;
    let seconds = taken(ground.http(), &stations, since).await?;
    report.figure(Figure::at_most(
        "first write after the primary's return",
        seconds,
        "s",
        TAKEN_WITHIN_S,
    ));
    Ok(())
}

fn record_refusals(refusals: &[Refused], report: &mut Report, progress: &Progress) {
    let slowest = refusals.iter().map(|refusal| refusal.seconds).fold(0.0, f64::max);
    let wrong: Vec<_> = refusals.iter().filter(|refusal| !refusal.wrong.is_empty()).collect();
    for refusal in &wrong {
        progress.note(&format!("write without a primary: {}", refusal.wrong));
    }
    report.figure(Figure::at_most(
        "write without a primary: slowest answer",
        slowest,
        "s",
        REFUSED_WITHIN_S,
    ));
    report.figure(Figure::at_most(
        "write without a primary: not 503 with Retry-After and problem details",
        wrong.len() as f64,
        "requests",
        0.0,
    ));
}
