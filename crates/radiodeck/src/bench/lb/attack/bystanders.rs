//! Those who only want an answer: some on kept connections at a constant rate,
//! and now and then a newcomer.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::measure::Error;
use crate::measure::histogram::Latencies;
use crate::measure::http::ask;
use crate::measure::load::{Load, Plan, Target};

const PER_SECOND: u32 = 200;
/// Between two newcomers.
const NEWCOMER: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_secs(5);

/// What they saw.
pub(super) struct Seen {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) failed: usize,
    pub(super) newcomers_p99_ms: f64,
    pub(super) newcomers_failed: usize,
    /// Why the generator may have been the limit.
    pub(super) limit: Option<String>,
}

/// Asks for `seconds`.
pub(super) async fn watch(addr: SocketAddr, seconds: u16) -> Result<Seen, Error> {
    let target = Target::get("bench", "/3");
    let load = Load::start(Plan {
        addr,
        targets: vec![target.clone()],
        per_second: PER_SECOND,
        duration: Duration::from_secs(seconds.into()),
        deadline: DEADLINE,
    })?;
    let (mut newcomers, mut newcomers_failed) = (Latencies::new(), 0);
    let mut arrivals = interval(NEWCOMER);
    arrivals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + Duration::from_secs(seconds.into());
    while Instant::now() < end {
        arrivals.tick().await;
        let began = Instant::now();
        match ask(addr, &target, DEADLINE).await {
            Ok(answer) if answer.status == 200 => newcomers.add(began.elapsed()),
            _ => newcomers_failed += 1,
        }
    }
    while !load.is_finished() {
        sleep(Duration::from_millis(20)).await;
    }
    let recording = load.finish()?;
    let latencies = recording.latencies(|_| true);
    Ok(Seen {
        p50_ms: latencies.ms(0.5),
        p99_ms: latencies.ms(0.99),
        failed: recording.failed(),
        newcomers_p99_ms: newcomers.ms(0.99),
        newcomers_failed,
        limit: recording.generator_was_the_limit(),
    })
}
