//! The share of errors in live traffic over a window that slides. Fed with totals
//! since the beginning, as counters hold them, so that nobody on the way of a
//! request has to do anything for it.

use std::collections::VecDeque;
use std::time::Duration;

/// Pieces that a window is cut into: it slides by one of them at a time.
const PIECES: u32 = 10;

/// When a share of errors is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RatioRules {
    /// Errors in percent of requests that are too many. Zero: never.
    pub percent: u8,
    /// With fewer requests in the window nothing is said.
    pub min_requests: u64,
    /// How far back requests count. It may reach back a tenth further.
    pub window: Duration,
}

/// Requests and how many of them were errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All of them.
    pub requests: u64,
    /// Those that went wrong.
    pub errors: u64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            errors: self.errors.saturating_add(other.errors),
        }
    }

    /// What has been added since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            errors: self.errors.saturating_sub(earlier.errors),
        }
    }

    /// Whether the share of errors is `times` that of `rest` at the least. Nothing
    /// is less than any share.
    fn is_larger(self, times: u128, rest: Self) -> bool {
        let own = u128::from(self.errors) * u128::from(rest.requests);
        own >= times * u128::from(rest.errors) * u128::from(self.requests)
    }
}

impl RatioRules {
    /// Whether a machine with `own` counts fails more than it may, and more than
    /// twice as much as the `rest` of its pool. What fails everywhere has its cause
    /// elsewhere, and no machine is the better for the loss of another.
    #[must_use]
    pub fn is_outlier(&self, own: Counts, rest: Counts) -> bool {
        let enough = own.requests >= self.min_requests.max(1);
        let too_many = u128::from(own.errors) * 100 >= u128::from(self.percent) * u128::from(own.requests);
        self.percent > 0 && enough && too_many && own.is_larger(2, rest)
    }
}

/// What one machine has done within the window.
#[derive(Debug, Clone, Default)]
pub struct Sliding {
    /// Totals at earlier moments, oldest first; never more than one a piece of the
    /// window and one before it.
    totals: VecDeque<(Duration, Counts)>,
}

impl Sliding {
    /// Takes in the totals at `now` and answers what was added within `window`.
    pub fn observe(&mut self, now: Duration, window: Duration, total: Counts) -> Counts {
        let start = now.saturating_sub(window);
        // The youngest one that is not younger than the window is where it begins.
        while self.totals.get(1).is_some_and(|(at, _)| *at <= start) {
            self.totals.pop_front();
        }
        let due = |(at, _): &(Duration, Counts)| now.saturating_sub(*at) >= window / PIECES;
        if self.totals.back().is_none_or(due) {
            self.totals.push_back((now, total));
        }
        let begin = self.totals.front().map_or(total, |(_, begin)| *begin);
        total.since(begin)
    }

    /// What was does not count any more.
    pub fn restart(&mut self) {
        self.totals.clear();
    }
}
