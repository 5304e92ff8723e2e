//! A load with faults at set times.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::ground::Ground;
use super::scenario::{DEADLINE, KILL_APP_AT, KILL_REPLICA_AT, PER_SECOND, RESTART_APP_AT, SECONDS};
use crate::measure::Error;
use crate::measure::load::{Load, Plan, Recording, Target};
use crate::measure::output::Progress;
use crate::measure::report::{Figure, Report};

/// Ends the load when the drill is interrupted.
pub(super) struct Reading(Option<Load>);

impl Reading {
    pub(super) fn start(plan: Plan) -> Result<Self, Error> {
        Ok(Self(Some(Load::start(plan)?)))
    }

    /// Waits until so long after the first request was due.
    pub(super) async fn until(&self, passed: Duration, progress: &Progress) {
        let Some(load) = &self.0 else { return };
        let end = Instant::from_std(load.began) + passed;
        while Instant::now() + Duration::from_millis(200) < end {
            progress.at(load.done());
            sleep(Duration::from_millis(200)).await;
        }
        sleep_until(end).await;
    }

    /// Sends no more. False when all was sent already.
    pub(super) fn stop(&self) -> bool {
        let load = self.0.as_ref().filter(|load| !load.is_finished());
        load.inspect(|load| load.stop()).is_some()
    }

    /// Waits for the last answer.
    pub(super) async fn finish(mut self, progress: &Progress) -> Result<Recording, Error> {
        let load = self
            .0
            .take()
            .ok_or_else(|| Error::CannotRun("the load has ended".into()))?;
        while !load.is_finished() {
            progress.at(load.done());
            sleep(Duration::from_millis(50)).await;
        }
        load.finish()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads that a stack must not lose.
pub(super) fn plan(ground: &Ground, targets: &[Target], per_second: u32, seconds: u64) -> Plan {
    Plan {
        addr: ground.http(),
        targets: targets.to_vec(),
        per_second,
        duration: Duration::from_secs(seconds),
        deadline: DEADLINE,
    }
}

/// The load during which app servers and a replica are lost.
pub(super) async fn under_faults(
    ground: &mut Ground,
    targets: &[Target],
    report: &mut Report,
    progress: &Progress,
) -> Result<(), Error> {
    let text = format!("{PER_SECOND} GET/s while app servers and a replica are lost");
    progress.step(&text, PER_SECOND as usize * SECONDS as usize);
    let reading = Reading::start(plan(ground, targets, PER_SECOND, SECONDS))?;
    reading.until(Duration::from_secs(KILL_APP_AT), progress).await;
    progress.note(&format!("{KILL_APP_AT} s: app server 1 killed"));
    ground.kill_app(0).await?;
    reading.until(Duration::from_secs(RESTART_APP_AT), progress).await;
    progress.note(&format!("{RESTART_APP_AT} s: app server 2 stopped and started again"));
    ground.restart_app(1).await?;
    reading.until(Duration::from_secs(KILL_REPLICA_AT), progress).await;
    progress.note(&format!("{KILL_REPLICA_AT} s: a replica killed"));
    ground.kill_replica().await?;
    let recording = reading.finish(progress).await?;
    record("GETs under faults", &recording, report, progress);
    Ok(())
}

/// Figures of a load that must not lose a request.
pub(super) fn record(name: &str, recording: &Recording, report: &mut Report, progress: &Progress) {
    let latencies = recording.latencies(|_| true);
    report.figure(Figure::plain(name, recording.records.len() as f64, "requests"));
    report.figure(Figure::at_most(
        format!("{name}: failed"),
        recording.failed() as f64,
        "requests",
        0.0,
    ));
    for (text, quantile) in [("p50", 0.5), ("p99", 0.99), ("slowest", 1.0)] {
        report.figure(Figure::plain(format!("{name}: {text}"), latencies.ms(quantile), "ms"));
    }
    for failure in recording.failures() {
        progress.note(&format!("{name}: {failure}"));
    }
    if let Some(reason) = recording.generator_was_the_limit() {
        report.missing(format!("{name}: {reason}"));
    }
}
