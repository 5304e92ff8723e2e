//! A steady, bounded load that records every request, for tests that break
//! something meanwhile. It counts; it never judges speed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::http::get_at_any;

/// A load that runs until [`Load::finish`], at most `MAX_REQUESTS`.
pub struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Record>,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Record {
    /// Requests sent.
    pub sent: usize,
    /// Those that the first address did not answer, but another one did.
    pub elsewhere: usize,
    /// Those not answered with 2xx or 3xx, with the reason.
    pub failed: Vec<String>,
}

const MAX_REQUESTS: usize = 12_000;

impl Load {
    /// Asks for `targets` (host, path) in turn, `per_second` times a second.
    pub fn start(addr: SocketAddr, targets: &'static [(&'static str, &'static str)], per_second: u64) -> Self {
        Self::on_any(&[addr], targets, per_second)
    }

    /// The same for a client that goes through `addrs` until one answers.
    pub fn on_any(addrs: &[SocketAddr], targets: &'static [(&'static str, &'static str)], per_second: u64) -> Self {
        let addrs: Arc<[SocketAddr]> = addrs.into();
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let task = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_micros(1_000_000 / per_second));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut requests = Vec::new();
            while !stopping.load(Ordering::Relaxed) && requests.len() < MAX_REQUESTS {
                ticks.tick().await;
                let (host, path) = targets[requests.len() % targets.len()];
                let addrs = addrs.clone();
                requests.push(tokio::spawn(async move {
                    (host, path, get_at_any(&addrs, host, path).await)
                }));
            }
            let mut record = Record::default();
            for request in requests {
                record.sent += 1;
                match request.await {
                    Ok((_, _, Ok((answer, in_vain))))
                        if answer.status.is_success() || answer.status.is_redirection() =>
                    {
                        record.elsewhere += usize::from(in_vain > 0);
                    }
                    Ok((host, path, Ok((answer, _)))) => {
                        record
                            .failed
                            .push(format!("{host}{path}: {} {}", answer.status, answer.text()));
                    }
                    Ok((host, path, Err(error))) => record.failed.push(format!("{host}{path}: {error}")),
                    Err(error) => record.failed.push(error.to_string()),
                }
            }
            record
        });
        Self { stop, task }
    }

    /// Stops sending, waits for the answers and gives the record.
    ///
    /// # Panics
    /// When the load itself broke.
    pub async fn finish(self) -> Record {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the load task")
    }
}
