//! How many requests a group of machines may have at once before more of them
//! only wait. Below that number answers take their usual time; above it they
//! take longer and longer while no more of them get done.
//!
//! The answers tell which it is. What is usual is learnt: quickly from times
//! that are shorter, slowly from longer ones. A window whose answers took several
//! times as long lowers the limit in proportion, any other raises it by its
//! square root. So one slow window, or one slow request, changes little; several
//! in a row bring the limit down within seconds, and it comes back as surely.
//!
//! While the limit is in force longer times are not learnt: they may be of its
//! making, and it would creep upwards. If answers are slow even at the lowest
//! limit, it is not the number of requests that makes them so: what is usual then
//! follows them.

use std::time::Duration;

/// Shortest time that is judged as one.
const WINDOW: Duration = Duration::from_millis(200);
/// Fewer answers say nothing: the window goes on.
const SAMPLES: u64 = 10;
/// How far one window moves what is usual: down, up at the highest limit, and up
/// at the lowest.
const LEARN_SHORTER: f64 = 0.2;
const LEARN_LONGER: f64 = 0.01;
const LEARN_AT_LOWEST: f64 = 0.002;
/// The most that one window takes away.
const STEEPEST: f64 = 0.5;

/// Between what the limit moves and what is too long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConcurrencyRules {
    /// The limit is never lower.
    pub lowest: usize,
    /// The limit is never higher; it begins here.
    pub highest: usize,
    /// Answers that take so many times as long as usual are too slow ...
    pub tolerance: f64,
    /// ... if they take longer than this as well.
    pub unhurried: Duration,
}

/// The limit of one group of machines. All times are since one epoch of the
/// caller's choice and must not go backwards.
#[derive(Debug, Clone)]
pub struct Concurrency {
    rules: ConcurrencyRules,
    limit: f64,
    usual: Option<f64>,
    began: Option<Duration>,
    samples: u64,
    total: Duration,
}

impl Concurrency {
    /// Nothing learnt yet: the limit is the highest.
    #[must_use]
    pub fn new(rules: ConcurrencyRules) -> Self {
        Self {
            rules,
            limit: rules.highest.max(rules.lowest) as f64,
            usual: None,
            began: None,
            samples: 0,
            total: Duration::ZERO,
        }
    }

    /// The limit now.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Since the last call `samples` answers have come, after `total` together.
    /// Answers whether the limit may have changed.
    pub fn observe(&mut self, now: Duration, samples: u64, total: Duration) -> bool {
        let began = *self.began.get_or_insert(now);
        self.samples += samples;
        self.total += total;
        if self.samples < SAMPLES || now.saturating_sub(began) < WINDOW {
            return false;
        }
        let mean = self.total.as_secs_f64() / self.samples as f64;
        self.began = Some(now);
        self.samples = 0;
        self.total = Duration::ZERO;
        self.judge(mean);
        true
    }

    fn judge(&mut self, mean: f64) {
        let lowest = self.rules.lowest as f64;
        let highest = self.rules.highest.max(self.rules.lowest) as f64;
        let usual = self.usual.unwrap_or(mean);
        let too_long = (usual * self.rules.tolerance).max(self.rules.unhurried.as_secs_f64());
        let learn = if mean < usual {
            LEARN_SHORTER
        } else if self.limit <= lowest {
            LEARN_AT_LOWEST
        } else if self.limit >= highest {
            LEARN_LONGER
        } else {
            0.0
        };
        if mean > too_long {
            self.limit = (self.limit * (too_long / mean).max(STEEPEST)).max(lowest);
        } else {
            self.limit = (self.limit + self.limit.sqrt().max(1.0)).min(highest);
        }
        self.usual = Some(usual + learn * (mean - usual));
    }
}
