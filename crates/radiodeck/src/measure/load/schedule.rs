//! When each request is due.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A constant rate for a while.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    per_second: u32,
    total: usize,
}

impl Schedule {
    pub(super) fn new(per_second: u32, duration: Duration) -> Self {
        Self {
            per_second,
            total: (duration.as_secs_f64() * f64::from(per_second)).round() as usize,
        }
    }

    /// Requests in all.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// When request `number` (from 0) is due, from the beginning.
    pub(super) fn due(&self, number: usize) -> Duration {
        Duration::from_secs_f64(number as f64 / f64::from(self.per_second))
    }

    /// Calls `arrive` for each request when it is due, late ones at once, until
    /// all were, `stop` is set or `arrive` returns false.
    pub(super) fn keep(&self, began: Instant, stop: &AtomicBool, mut arrive: impl FnMut(usize) -> bool) {
        for number in 0..self.total {
            let wait = (began + self.due(number)).saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                std::thread::sleep(wait);
            }
            if stop.load(Ordering::Relaxed) || !arrive(number) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_a_constant_rate() {
        let schedule = Schedule::new(500, Duration::from_secs(30));
        assert_eq!(schedule.total(), 15_000);
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(schedule.due(250), Duration::from_millis(500));
        // No error adds up over the run.
        assert_eq!(
            Schedule::new(3, Duration::from_secs(9000)).due(27_000),
            Duration::from_secs(9000)
        );
    }

    #[test]
    fn what_is_late_is_sent_at_once_and_never_left_out() {
        let schedule = Schedule::new(1, Duration::from_secs(5));
        let long_ago = Instant::now()
            .checked_sub(Duration::from_secs(60))
            .expect("an old clock");
        let mut arrived = Vec::new();
        schedule.keep(long_ago, &AtomicBool::new(false), |number| {
            arrived.push(number);
            true
        });
        assert_eq!(arrived, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_stopped_load_sends_no_more() {
        let stop = AtomicBool::new(false);
        let mut arrived = 0;
        Schedule::new(1_000_000, Duration::from_secs(1)).keep(Instant::now(), &stop, |number| {
            arrived += 1;
            stop.store(number == 2, Ordering::Relaxed);
            true
        });
        assert_eq!(arrived, 3);
    }
}
