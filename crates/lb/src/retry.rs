//! When a request that failed on one server may be sent to another.
//!
//! - No byte of it has left: always. No server has seen it, and no server gets
//!   more work by it than before.
//! - A server may have seen it: only if doing it twice is the same as doing it
//!   once (RFC 9110 9.2.2), its body can be sent again, nothing of an answer
//!   was passed on, and the budget allows it. The budget keeps retries from
//!   multiplying the load when everything is slow already.
//! - It was not answered in time: never, unless probes find the server dead. Most
//!   likely the request is slow wherever it goes.
//! - No server is left that has not failed it: after a pause all may be tried
//!   again, as long as there are attempts. With two servers or more it never
//!   goes to the one that has failed it just now.
//! - It was sent on a kept connection that had been closed: on a new one to the
//!   same server, once, without any blame.

use std::cell::Cell;
use std::time::Duration;

use http::Method;

use crate::config::RetryConfig;

/// Seconds that the budget remembers.
const MEMORY_SECONDS: f64 = 10.0;

/// A pause doubles so many times.
const LONGEST_PAUSE: u32 = 3;

/// Whether sending it twice does no more than sending it once.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}

/// The pause after the round with this number, counted from 0, in which every
/// server has failed a request. By lot, so that requests which failed together
/// do not come back together.
pub(crate) fn pause(backoff_ms: u64, round: u32) -> Duration {
    let longest_us = (backoff_ms << round.min(LONGEST_PAUSE)) * 1000;
    Duration::from_micros(rand::random_range(longest_us / 2..=longest_us))
}

/// Attempts beyond the first that are allowed, as a share of all requests. One
/// worker's part.
#[derive(Debug)]
pub(crate) struct Budget {
    share: f64,
    min_per_second: f64,
    tokens: Cell<f64>,
    last_ms: Cell<u64>,
}

impl Budget {
    /// The budget of retries. The minimum is divided among the workers.
    pub(crate) fn new(config: &RetryConfig, workers: usize) -> Self {
        let min_per_second = f64::from(config.budget_min_per_second) / workers.max(1) as f64;
        Self::of(config.budget_percent, min_per_second)
    }

    /// So many percent of the requests, and so many a second in any case.
    pub(crate) fn of(percent: u32, min_per_second: f64) -> Self {
        Self {
            share: f64::from(percent) / 100.0,
            min_per_second,
            tokens: Cell::new(min_per_second * MEMORY_SECONDS),
            last_ms: Cell::new(0),
        }
    }

    /// A request has come in.
    pub(crate) fn deposit(&self) {
        self.tokens.set(self.tokens.get() + self.share);
    }

    /// Takes one retry out, if there is one.
    pub(crate) fn withdraw(&self) -> bool {
        let tokens = self.tokens.get();
        if tokens < 1.0 {
            return false;
        }
        self.tokens.set(tokens - 1.0);
        true
    }

    /// Old deposits fade and the minimum flows in. At a steady rate this settles
    /// at ten seconds' worth of both. Called by every sweep: done seldom, it
    /// would take what was deposited just now for old.
    pub(crate) fn age(&self, now_ms: u64) {
        let seconds = now_ms.saturating_sub(self.last_ms.get()) as f64 / 1000.0;
        self.last_ms.set(now_ms.max(self.last_ms.get()));
        let fade = (-seconds / MEMORY_SECONDS).exp();
        let inflow = self.min_per_second * MEMORY_SECONDS * (1.0 - fade);
        self.tokens.set(self.tokens.get() * fade + inflow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(budget: &Budget, now_ms: u64) -> u32 {
        budget.age(now_ms);
        (0..).take_while(|_| budget.withdraw()).count() as u32
    }

    fn budget() -> Budget {
        let config = RetryConfig {
            attempts: 3,
            backoff_ms: 25,
            budget_percent: 20,
            budget_min_per_second: 10,
        };
        Budget::new(&config, 1)
    }

    #[test]
    fn pauses_grow_up_to_eight_times_and_are_drawn_by_lot() {
        for (round, longest_ms) in [(0, 25), (1, 50), (2, 100), (3, 200), (4, 200), (1000, 200)] {
            let longest = Duration::from_millis(longest_ms);
            let pauses: Vec<Duration> = (0..50).map(|_| pause(25, round)).collect();
            let expected = longest / 2..=longest;
            assert!(
                pauses.iter().all(|pause| expected.contains(pause)),
                "{round}: {pauses:?}"
            );
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{round}: {pauses:?}");
        }
        assert_eq!(pause(0, 7), Duration::ZERO);
    }

    #[test]
    fn a_fifth_of_the_requests_may_be_retried() {
        let budget = budget();
        drain(&budget, 0);
        for _ in 0..1000 {
            budget.deposit();
        }
        assert!((199..=201).contains(&drain(&budget, 0)));
    }

    #[test]
    fn the_minimum_flows_in_without_any_request() {
        let budget = budget();
        drain(&budget, 0);
        let after_a_second = drain(&budget, 1000);
        assert!((8..=10).contains(&after_a_second), "{after_a_second}");
        assert!(drain(&budget, 1_000_000) <= 100);
    }

    #[test]
    fn a_steady_load_has_saved_up_two_seconds_of_itself() {
        let budget = budget();
        for sweep in 0..1200 {
            for _ in 0..25 {
                budget.deposit();
            }
            budget.age(sweep * 50);
        }
        // 500 requests a second: 1000 retries, and the minimum's hundred.
        let saved = drain(&budget, 1200 * 50);
        assert!((1080..=1110).contains(&saved), "{saved}");
    }

    #[test]
    fn what_was_saved_up_long_ago_is_gone() {
        let budget = budget();
        for _ in 0..100_000 {
            budget.deposit();
        }
        budget.age(120_000);
        assert!(drain(&budget, 120_000) <= 101);
    }
}
