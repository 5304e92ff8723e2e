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
//! - It was sent on a kept connection that had been closed: on a new one to the
//!   same server, once, without any blame.

use std::cell::Cell;

use http::Method;

use crate::config::RetryConfig;

/// Seconds that the budget remembers.
const MEMORY_SECONDS: f64 = 10.0;

/// Whether sending it twice does no more than sending it once.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}

/// One worker's share of the retry budget.
#[derive(Debug)]
pub(crate) struct Budget {
    share: f64,
    min_per_second: f64,
    tokens: Cell<f64>,
    last_ms: Cell<u64>,
}

impl Budget {
    /// The minimum is divided among the workers.
    pub(crate) fn new(config: &RetryConfig, workers: usize) -> Self {
        let min_per_second = f64::from(config.budget_min_per_second) / workers.max(1) as f64;
        Self {
            share: f64::from(config.budget_percent) / 100.0,
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
            budget_percent: 20,
            budget_min_per_second: 10,
        };
        Budget::new(&config, 1)
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
