//! `bench attack`: what others see of our balancer while it is attacked, on its
//! core alone, by connections that never ask, by those that are slow, and by
//! floods of HTTP/2. Bounded in number and time, and to this machine only.
//!
//! Attackers and bystanders share the other cores, so what is measured is the
//! machine as a whole: at its limit the generator says that it was.

mod bystanders;
mod crowd;
mod floods;
mod frames;
mod tally;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::bystanders::Seen;
use self::crowd::Crowd;
use self::tally::Tally;
use super::Options;
use super::config::Setup;
use super::cores::Place;
use super::ground::{Ground, raise_open_files};
use super::proxy::Proxy;
use crate::measure::Error;
use crate::measure::output::Progress;
use crate::measure::report::{Figure, Report};
use crate::measure::samples::Samples;
use crate::measure::target::loopback;
use crate::up::Interrupt;

const HALF_OPEN: usize = 20_000;
const SLOW: usize = 5_000;
/// Files of this process that are not for attackers.
const OTHER_FILES: u64 = 1_500;
/// Of p99 with nobody else there.
const P99_RATIO: f64 = 1.2;
/// What a flood may make the balancer grow by, MB.
const FLOOD_MB: f64 = 32.0;
/// An attack stands, or does not, after this time.
const RAMP: Duration = Duration::from_secs(15);
/// One flood lasts for this long, seconds.
const FLOOD_S: u16 = 3;
/// As the balancer has it by default.
const PER_ADDRESS: usize = 2_000;

/// Runs the benchmark.
pub(in crate::bench) async fn run(
    options: &Options,
    report: &mut Report,
    progress: &Progress,
    interrupt: &mut Interrupt,
) -> Result<(), Error> {
    // What runs meanwhile ends when it is dropped.
    tokio::select! {
        outcome = measure(options, report, progress) => outcome,
        () = interrupt.wait() => Err(Error::Interrupted),
    }
}

async fn measure(options: &Options, report: &mut Report, progress: &Progress) -> Result<(), Error> {
    progress.step("starting", 0);
    let ground = Ground::of_ours(options).await?;
    let allowed = raise_open_files();
    let half_open = HALF_OPEN.min(usize::try_from(allowed.saturating_sub(OTHER_FILES)).unwrap_or(HALF_OPEN));
    if half_open < HALF_OPEN {
        report.unproven(format!(
            "{HALF_OPEN} half-open connections: this process may have {allowed} files open, so there were {half_open}"
        ));
    }
    for (crowd, per_address) in [
        (Crowd::half_open(half_open, true), 0),
        (Crowd::half_open(half_open, false), PER_ADDRESS),
        (Crowd::slow(SLOW.min(half_open)), 0),
    ] {
        if let Err(error) = stand(&ground, crowd, per_address, report, progress).await {
            report.unproven(format!("{}: {error}", crowd.name));
        }
    }
    if let Err(error) = flood(&ground, report, progress).await {
        report.unproven(format!("floods: {error}"));
    }
    Ok(())
}

async fn start(ground: &Ground, per_address: usize) -> Result<Proxy, Error> {
    let setup = Setup {
        workers: 1,
        servers: &ground.origin.addresses[..1],
        certificate: None,
        per_address,
    };
    Proxy::start(ground, &ground.programs[0], &setup, Place::OneCore).await
}

/// Attackers on a thread of their own, until this is dropped.
struct Attack {
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
    thread: Option<JoinHandle<()>>,
}

impl Attack {
    fn begin<F>(attackers: impl FnOnce(Arc<Tally>) -> F + Send + 'static) -> Result<Self, Error>
    where
        F: Future<Output = ()>,
    {
        let cannot = |error: std::io::Error| Error::CannotRun(format!("no thread for attackers: {error}"));
        let (stop, tally) = (Arc::<AtomicBool>::default(), Arc::<Tally>::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(cannot)?;
        let (stopped, counted) = (stop.clone(), tally.clone());
        let thread = std::thread::Builder::new().name("attackers".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = attackers(counted) => {}
                    () = async {
                        while !stopped.load(Ordering::Relaxed) {
                            sleep(Duration::from_millis(20)).await;
                        }
                    } => {}
                }
            });
        });
        Ok(Self {
            stop,
            tally,
            thread: Some(thread.map_err(cannot)?),
        })
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A crowd that stands there: bystanders without it and beside it, by turns.
async fn stand(
    ground: &Ground,
    crowd: Crowd,
    per_address: usize,
    report: &mut Report,
    progress: &Progress,
) -> Result<(), Error> {
    let name = crowd.name;
    let seconds = ground.seconds;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let mut growth = Vec::new();
    let (mut most, mut ends) = (0, tally::Ends::default());
    for _ in 0..ground.rounds {
        // Each begins anew: what an earlier crowd took would hide what this one takes.
        let proxy = start(ground, per_address).await?;
        let at = loopback(proxy.at.http)?;
        progress.step(&format!("{name}: alone"), 0);
        bystanders::watch(at, 1).await?;
        alone.push(bystanders::watch(at, seconds).await?);
        let before = proxy.memory()?;
        progress.step(&format!("{name}: gathering"), 0);
        let attack = Attack::begin(move |tally| crowd.stand(at, tally))?;
        most = most.max(gathered(&attack.tally, crowd.size).await);
        progress.step(&format!("{name}: beside it"), 0);
        beside.push(bystanders::watch(at, seconds).await?);
        growth.push(proxy.peak_memory()?.saturating_sub(before) as f64 / 1e6);
        let tally = attack.tally.clone();
        drop(attack);
        ends.add(&tally.ends());
        proxy.stop().await;
    }
    report.figure(Figure::plain(format!("{name}: open at once"), most as f64, ""));
    record(name, &alone, &beside, report);
    let growth: Samples = growth.into_iter().collect();
    report.figure(Figure::plain(format!("{name}: growth of memory"), growth.max(), "MB"));
    ends.record(name, report);
    Ok(())
}

/// Waits until as many are there, or it goes on no more. Gives how many.
async fn gathered(tally: &Tally, size: usize) -> usize {
    let end = Instant::now() + RAMP;
    let mut most = 0;
    while Instant::now() < end && most < size {
        sleep(Duration::from_millis(500)).await;
        let now = tally.open();
        if now <= most && most > 0 {
            break;
        }
        most = most.max(now);
    }
    most
}

/// Each kind of flood for a while, and bystanders beside it.
async fn flood(ground: &Ground, report: &mut Report, progress: &Progress) -> Result<(), Error> {
    let proxy = start(ground, 0).await?;
    let at: SocketAddr = loopback(proxy.at.http)?;
    progress.step("floods: nobody yet", 0);
    bystanders::watch(at, 1).await?;
    let seconds = FLOOD_S.min(ground.seconds);
    let mut alone = vec![bystanders::watch(at, seconds).await?];
    let before = proxy.memory()?;
    for kind in floods::KINDS {
        let name = kind.name;
        progress.step(name, 0);
        let attack = Attack::begin(move |tally| floods::flood(kind, at, tally))?;
        let beside = [bystanders::watch(at, seconds).await?];
        let tally = attack.tally.clone();
        drop(attack);
        record(name, &alone, &beside, report);
        let ends = tally.ends();
        ends.record(name, report);
        // Ended for the flood, and not only broken off.
        let calm = ends.count(floods::CALM);
        report.figure(Figure::at_least(
            format!("{name}: ended with ENHANCE_YOUR_CALM"),
            calm as f64,
            "",
            1.0,
        ));
        // What each is compared with is no older than one flood.
        alone = vec![bystanders::watch(at, seconds).await?];
    }
    let growth = proxy.peak_memory()?.saturating_sub(before) as f64 / 1e6;
    report.figure(Figure::at_most("all floods: growth of memory", growth, "MB", FLOOD_MB));
    proxy.stop().await;
    Ok(())
}

/// What bystanders saw, and whether that is what they see else.
fn record(name: &str, alone: &[Seen], beside: &[Seen], report: &mut Report) {
    let median = |seen: &[Seen], of: fn(&Seen) -> f64| seen.iter().map(of).collect::<Samples>().median();
    let (quiet, p99) = (median(alone, |seen| seen.p99_ms), median(beside, |seen| seen.p99_ms));
    report.figure(Figure::plain(
        format!("{name}: others, p50"),
        median(beside, |seen| seen.p50_ms),
        "ms",
    ));
    report.figure(Figure::plain(format!("{name}: others, p99"), p99, "ms"));
    report.figure(Figure::plain(format!("{name}: others, p99 without it"), quiet, "ms"));
    let ratio = format!("{name}: others, p99 by p99 without it");
    match beside.iter().find_map(|seen| seen.limit.as_deref()) {
        // Neither a pass nor the balancer's fault.
        Some(limit) => report.unproven(format!(
            "{ratio} <= {P99_RATIO}: it came out at {:.2}, but {limit}",
            p99 / quiet
        )),
        None => report.figure(Figure::at_most(ratio, p99 / quiet, "", P99_RATIO)),
    }
    let failed: usize = beside.iter().map(|seen| seen.failed).sum();
    report.figure(Figure::at_most(
        format!("{name}: others, failed"),
        failed as f64,
        "requests",
        0.0,
    ));
    report.figure(Figure::plain(
        format!("{name}: newcomers, p99"),
        median(beside, |seen| seen.newcomers_p99_ms),
        "ms",
    ));
    let turned_away: usize = beside.iter().map(|seen| seen.newcomers_failed).sum();
    report.figure(Figure::at_most(
        format!("{name}: newcomers, failed"),
        turned_away as f64,
        "requests",
        0.0,
    ));
}
