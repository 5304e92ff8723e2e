//! Refuses requests before memory or time runs out: all of the balancer's above
//! a fixed number, and those for a pool above a number that follows how long its
//! servers take ([`health::Concurrency`]). A refusal is 503 with Retry-After; it
//! costs next to nothing, and those that were let in are answered in time.
//!
//! Workers count for themselves and tell each other at every sweep. Between two
//! sweeps they may let in a few too many; in return a request touches nothing
//! that another core writes to.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use health::Concurrency;

use crate::config::ConcurrencyConfig;
use crate::worker::Worker;

/// A number of things at hand, a row a worker.
#[derive(Debug)]
pub(crate) struct Tally(Box<[AtomicUsize]>);

impl Tally {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| AtomicUsize::new(0)).collect())
    }

    /// As of the workers' last sweeps.
    pub(crate) fn total(&self) -> usize {
        self.0.iter().map(|row| row.load(Relaxed)).sum()
    }
}

/// One worker's part of a tally.
#[derive(Debug, Default)]
pub(crate) struct Share {
    own: Cell<usize>,
    others: Cell<usize>,
}

impl Share {
    fn enter(&self) {
        self.own.set(self.own.get() + 1);
    }

    fn leave(&self) {
        self.own.set(self.own.get() - 1);
    }

    fn total(&self) -> usize {
        self.own.get() + self.others.get()
    }

    /// Tells the others and hears from them.
    pub(crate) fn exchange(&self, tally: &Tally, worker: usize) {
        if let Some(row) = tally.0.get(worker) {
            row.store(self.own.get(), Relaxed);
        }
        self.others.set(tally.total() - self.own.get());
    }
}

/// A request of a client, from its head to the end of its answer.
pub(crate) struct UnderWay(Rc<Worker>);

impl UnderWay {
    pub(crate) fn begin(worker: &Rc<Worker>) -> Self {
        worker.under_way.enter();
        Self(worker.clone())
    }

    /// Whether it is among the first `max`.
    pub(crate) fn fits(&self, max: usize) -> bool {
        self.0.under_way.total() <= max
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.leave();
    }
}

/// The limit of a pool, as all workers share it.
#[derive(Debug)]
pub(crate) struct Limiter {
    concurrency: Option<Mutex<Concurrency>>,
    limit: AtomicUsize,
    waiting: Tally,
}

impl Limiter {
    pub(crate) fn new(config: &ConcurrencyConfig, workers: usize) -> Self {
        let concurrency = config.rules().map(Concurrency::new);
        Self {
            limit: AtomicUsize::new(concurrency.as_ref().map_or(usize::MAX, Concurrency::limit)),
            concurrency: concurrency.map(Mutex::new),
            waiting: Tally::new(workers),
        }
    }

    /// The limit now, if there is any.
    pub(crate) fn limit(&self) -> Option<usize> {
        self.concurrency.as_ref().map(|_| self.limit.load(Relaxed))
    }
}

/// One worker's side of a pool's limit. Counts what waits for the head of its
/// answer: an event stream that runs for hours is no work any more, and a request
/// whose client is still sending it is none yet. Otherwise a few slow clients
/// could take all the room.
#[derive(Debug)]
pub(crate) struct Gate {
    waiting: Share,
    limit: Cell<usize>,
    samples: Cell<u64>,
    total_us: Cell<u64>,
}

/// A place within the limit, given back when dropped.
pub(crate) struct Place {
    gate: Rc<Gate>,
    counted: Cell<bool>,
}

impl Place {
    /// Whether it is the servers' turn, so that the request counts.
    pub(crate) fn count(&self, counted: bool) {
        if self.counted.replace(counted) == counted {
            return;
        }
        if counted {
            self.gate.waiting.enter();
        } else {
            self.gate.waiting.leave();
        }
    }
}

impl Gate {
    pub(crate) fn new(limiter: &Limiter) -> Self {
        Self {
            waiting: Share::default(),
            limit: Cell::new(limiter.limit.load(Relaxed)),
            samples: Cell::new(0),
            total_us: Cell::new(0),
        }
    }

    /// `None` if there is no room.
    pub(crate) fn enter(self: &Rc<Self>) -> Option<Place> {
        if self.waiting.total() >= self.limit.get() {
            return None;
        }
        self.waiting.enter();
        Some(Place {
            gate: self.clone(),
            counted: Cell::new(true),
        })
    }

    /// The head of an answer has come, or was given up, after `elapsed_us`.
    pub(crate) fn record(&self, elapsed_us: u64) {
        self.samples.set(self.samples.get() + 1);
        self.total_us.set(self.total_us.get() + elapsed_us);
    }

    /// Passes on what was seen and learns the limit.
    pub(crate) fn sweep(&self, limiter: &Limiter, worker: usize, now: Duration) {
        let Some(concurrency) = &limiter.concurrency else {
            return;
        };
        self.waiting.exchange(&limiter.waiting, worker);
        // Whoever finds another worker at it keeps what it has for the next time.
        if let Ok(mut concurrency) = concurrency.try_lock() {
            let total = Duration::from_micros(self.total_us.take());
            if concurrency.observe(now, self.samples.take(), total) {
                limiter.limit.store(concurrency.limit(), Relaxed);
            }
        }
        self.limit.set(limiter.limit.load(Relaxed));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.count(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(min: usize, max: usize) -> Limiter {
        let config = ConcurrencyConfig {
            min,
            max,
            ..ConcurrencyConfig::default()
        };
        Limiter::new(&config, 2)
    }

    #[test]
    fn what_one_worker_has_let_in_takes_room_from_the_other_after_a_sweep() {
        let limiter = limiter(1, 3);
        let gates = [Rc::new(Gate::new(&limiter)), Rc::new(Gate::new(&limiter))];
        let sweep = || {
            for id in [0, 1, 0] {
                gates[id].sweep(&limiter, id, Duration::ZERO);
            }
        };
        let places: Vec<_> = (0..2).map(|_| gates[0].enter().expect("room")).collect();
        sweep();
        let _third = gates[1].enter().expect("room for one");
        assert!(gates[1].enter().is_none());
        drop(places);
        sweep();
        assert!(gates[1].enter().is_some());
    }

    #[test]
    fn the_limit_follows_how_long_answers_take() {
        let limiter = limiter(10, 100);
        let gate = Rc::new(Gate::new(&limiter));
        for (elapsed_us, expected) in [(1000, 100), (60_000_000, 10)] {
            for second in 0..20 {
                for _ in 0..10 {
                    gate.record(elapsed_us);
                }
                let base = if expected == 10 { 100 } else { 0 };
                gate.sweep(&limiter, 0, Duration::from_secs(base + second));
            }
            assert_eq!(limiter.limit(), Some(expected));
        }
        let places = (0..20).map_while(|_| gate.enter()).collect::<Vec<_>>();
        assert_eq!(places.len(), 10);
    }
}
