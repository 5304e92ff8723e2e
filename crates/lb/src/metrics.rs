//! Numbers: every worker counts for itself, without locks and without sharing
//! cache lines, and whoever reads adds them up.

pub(crate) mod codes;
mod export;
pub(crate) mod latency;
pub(crate) mod recent;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use codes::Codes;
use latency::Latency;

pub(crate) use export::Export;

/// A counter that one thread writes and others may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        // One writer: no read-modify-write is needed.
        self.0.store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that one thread moves up and down and others may read.
#[derive(Debug, Default)]
pub(crate) struct Gauge(Counter);

impl Gauge {
    pub(crate) fn up(&self) {
        self.0.add(1);
    }

    pub(crate) fn down(&self) {
        self.0.add(u64::MAX);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.0.store(value, Relaxed);
    }

    /// Adds up over rows.
    pub(crate) fn sum<Row>(rows: &[Row], gauge: impl Fn(&Row) -> &Self) -> u64 {
        sum(rows, |row| &gauge(row).0)
    }
}

/// What one worker counts for one pool or one server.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Traffic {
    /// Answers by class, 1xx to 5xx, for whoever looks often, and by status.
    pub(crate) answers: [Counter; 5],
    pub(crate) codes: Codes,
    /// Attempts that ended without an answer.
    pub(crate) failures: Counter,
    /// Connections made.
    pub(crate) connects: Counter,
    /// Requests tried again after a server may have seen them.
    pub(crate) retries: Counter,
    /// Requests sent elsewhere that no server had seen.
    pub(crate) redispatches: Counter,
    /// Retries that the budget did not allow.
    pub(crate) budget_exhausted: Counter,
    /// Second attempts beside a first one that took long.
    pub(crate) hedges: Counter,
    /// Such attempts whose answer was taken.
    pub(crate) hedge_wins: Counter,
    /// Requests refused because the servers had enough to do.
    pub(crate) shed: Counter,
    /// Requests that had to wait for a place on a server.
    pub(crate) queued: Counter,
    /// Requests refused because too many waited.
    pub(crate) queue_full: Counter,
    /// Requests that waited in vain.
    pub(crate) queue_timeouts: Counter,
    /// Time to the answer's head.
    pub(crate) latency: Latency,
    /// Bytes written to servers and read from them, heads included.
    pub(crate) sent_bytes: Counter,
    pub(crate) received_bytes: Counter,
    /// Connections to servers: open, and idle when the worker last swept.
    pub(crate) open: Gauge,
    pub(crate) idle: Gauge,
}

impl Traffic {
    /// One row a worker.
    pub(crate) fn rows(workers: usize) -> Box<[Self]> {
        (0..workers).map(|_| Self::default()).collect()
    }

    /// Counts an answer that came after `elapsed_us`.
    pub(crate) fn answered(&self, status: http::StatusCode, elapsed_us: u64) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.answers[class].add(1);
        self.codes.record(status);
        self.latency.record(elapsed_us);
    }
}

/// Adds up one counter over all workers' rows.
pub(crate) fn sum<Row>(rows: &[Row], counter: impl Fn(&Row) -> &Counter) -> u64 {
    rows.iter().map(|row| counter(row).get()).sum()
}

/// What one worker counts for itself.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct WorkerStats {
    /// Connections accepted.
    pub(crate) accepted: Counter,
    /// Connections closed at once, because their address had too many.
    pub(crate) turned_away: Counter,
    /// Connections closed because others needed their places.
    pub(crate) evicted: Counter,
    /// TLS handshakes that began a session, and that went on with one.
    pub(crate) handshakes: Counter,
    pub(crate) resumptions: Counter,
    /// TLS handshakes that did not come to their end.
    pub(crate) failed_handshakes: Counter,
    /// Connections closed for want of a PROXY protocol header.
    pub(crate) unannounced: Counter,
    /// Connections open now.
    pub(crate) open: AtomicU64,
    /// Requests begun.
    pub(crate) requests: Counter,
    /// Answers the balancer gave itself, by class.
    pub(crate) own_answers: [Counter; 5],
    /// Connections ended because a deadline passed.
    pub(crate) timeouts: Counter,
    /// Connections that became tunnels, and those that are tunnels now.
    pub(crate) tunnels: Counter,
    pub(crate) tunnels_open: AtomicU64,
    /// Requests refused for their framing before they were parsed.
    pub(crate) refused: Counter,
    /// Requests refused because there were too many in the whole balancer.
    pub(crate) shed: Counter,
    /// Connections that spoke HTTP/2.
    pub(crate) http2: Counter,
    /// Those of them that were ended because they flooded.
    pub(crate) floods: Counter,
}
