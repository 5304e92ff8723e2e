//! The load generator: requests leave at a constant rate, whatever becomes of
//! those before them, and each is timed from the moment it was due. A server
//! that stalls is charged with every request that it kept waiting (no
//! coordinated omission).
//!
//! One thread keeps the clock, one does the talking, apart from the runtime that
//! supervises the stack.

mod connections;
mod record;
mod schedule;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use self::connections::Connections;
pub(crate) use self::connections::Target;
pub(crate) use self::record::{Outcome, Record, Recording};
use self::schedule::Schedule;
use super::{Error, cpu, target};

/// Requests that may wait for answers at once; more are recorded as not sent.
const MAX_IN_FLIGHT: usize = 2_000;

/// What to ask for, how often and how long.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Where to; a loopback address.
    pub(crate) addr: SocketAddr,
    /// What, in turn.
    pub(crate) targets: Vec<Target>,
    /// Requests a second, 1 to 100 000.
    pub(crate) per_second: u32,
    /// How long requests leave.
    pub(crate) duration: Duration,
    /// How long one may take, from when it was due.
    pub(crate) deadline: Duration,
}

/// A load under way.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    /// When the first request was due.
    pub(crate) began: Instant,
    total: usize,
    thread: JoinHandle<Result<Recording, Error>>,
}

impl Load {
    /// Begins to send.
    ///
    /// # Errors
    /// A target that is not on this machine, or a plan that is none.
    pub(crate) fn start(plan: Plan) -> Result<Self, Error> {
        target::loopback(plan.addr)?;
        let schedule = Schedule::new(plan.per_second, plan.duration);
        if schedule.total() == 0 || plan.targets.is_empty() {
            return Err(Error::CannotRun("a load of no requests".into()));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicUsize::new(0));
        // Time for the threads to stand ready.
        let began = Instant::now() + Duration::from_millis(50);
        let thread = {
            let (stop, done) = (stop.clone(), done.clone());
            std::thread::Builder::new()
                .name("load".into())
                .spawn(move || run(plan, schedule, began, stop, &done))
                .map_err(|error| Error::CannotRun(format!("no thread for the load: {error}")))?
        };
        Ok(Self {
            stop,
            done,
            began,
            total: schedule.total(),
            thread,
        })
    }

    /// Requests whose outcome is known.
    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Requests in all, unless it is stopped before.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Whether the last outcome is known.
    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Sends no more; those under way are waited for.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until all is answered or given up. Blocks: ask [`Load::is_finished`] before, or call it where that
    /// does no harm.
    pub(crate) fn finish(self) -> Result<Recording, Error> {
        self.thread
            .join()
            .map_err(|_| Error::CannotRun("the load generator broke down".into()))?
    }
}

fn run(
    plan: Plan,
    schedule: Schedule,
    began: Instant,
    stop: Arc<AtomicBool>,
    done: &Arc<AtomicUsize>,
) -> Result<Recording, Error> {
    let cpu_before = cpu::of_this_process();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::CannotRun(format!("no runtime for the load: {error}")))?;
    let (due, arrivals) = mpsc::channel(MAX_IN_FLIGHT);
    // The runtime's own timers are a millisecond coarse; a thread that sleeps is not.
    let clock = std::thread::Builder::new()
        .name("load-clock".into())
        .spawn(move || schedule.keep(began, &stop, |number| due.blocking_send(number).is_ok()))
        .map_err(|error| Error::CannotRun(format!("no thread for the clock: {error}")))?;
    let records = runtime.block_on(talk(&plan, schedule, began, arrivals, done));
    clock
        .join()
        .map_err(|_| Error::CannotRun("the load generator's clock broke down".into()))?;
    let cpu = cpu::of_this_process()
        .zip(cpu_before)
        .map(|(after, before)| after.saturating_sub(before));
    Ok(Recording {
        records,
        elapsed: began.elapsed(),
        cpu,
    })
}

async fn talk(
    plan: &Plan,
    schedule: Schedule,
    began: Instant,
    mut arrivals: mpsc::Receiver<usize>,
    done: &Arc<AtomicUsize>,
) -> Vec<Record> {
    let connections = Arc::new(Connections::new(plan.addr));
    let (results, mut finished) = mpsc::channel(MAX_IN_FLIGHT);
    let mut records = Vec::with_capacity(schedule.total());
    let mut in_flight = 0_usize;
    let mut sending = true;
    while sending || in_flight > 0 {
        tokio::select! {
            biased;
            Some(record) = finished.recv() => {
                in_flight -= 1;
                done.fetch_add(1, Ordering::Relaxed);
                records.push(record);
            }
            number = arrivals.recv(), if sending => {
                let Some(number) = number else {
                    sending = false;
                    continue;
                };
                let mut record = Record::new(number % plan.targets.len(), schedule.due(number));
                let due = began + record.due;
                record.late = due.elapsed();
                if in_flight >= MAX_IN_FLIGHT {
                    record.outcome = Outcome::NotSent;
                    done.fetch_add(1, Ordering::Relaxed);
                    records.push(record);
                    continue;
                }
                in_flight += 1;
                let (connections, results) = (connections.clone(), results.clone());
                let target = plan.targets[record.target].clone();
                let deadline = plan.deadline;
                tokio::spawn(async move {
                    record.outcome = connections.ask(&target, (due + deadline).into()).await;
                    record.latency = due.elapsed();
                    // The receiver outlives every request.
                    let _ = results.send(record).await;
                });
            }
        }
    }
    records
}

#[cfg(test)]
mod tests;
