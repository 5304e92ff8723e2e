//! The last ten seconds. Counters only grow; what happens now is the difference
//! to a sample of them that was taken a while ago.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::latency::{Buckets, Latency, percentile_ms};
use super::{Traffic, sum};

const EVERY: Duration = Duration::from_secs(1);
const SAMPLES: usize = 10;

/// Samples, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Sample>>);

#[derive(Debug, Clone)]
struct Sample {
    at: Instant,
    answers: u64,
    /// Answers with 5xx and attempts without an answer.
    errors: u64,
    latency: Buckets,
}

/// What happened between the oldest sample and now.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) seconds: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) errors_per_second: f64,
    /// `None` if nothing was answered.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
}

impl Sample {
    fn of(rows: &[Traffic], at: Instant) -> Self {
        let class = |class: usize| sum(rows, |row| &row.answers[class]);
        Self {
            at,
            answers: (0..5).map(class).sum(),
            errors: class(4) + sum(rows, |row| &row.failures),
            latency: Latency::buckets(rows, |row| &row.latency),
        }
    }
}

impl Recent {
    /// Takes a sample if it is time for one.
    pub(crate) fn tick(&self, rows: &[Traffic], now: Instant) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.back().is_some_and(|last| now.duration_since(last.at) < EVERY) {
            return;
        }
        if samples.len() >= SAMPLES {
            samples.pop_front();
        }
        samples.push_back(Sample::of(rows, now));
    }

    /// What happened lately.
    pub(crate) fn window(&self, rows: &[Traffic], now: Instant) -> Window {
        let oldest = {
            let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            samples.front().cloned()
        };
        let Some(old) = oldest else { return Window::default() };
        let new = Sample::of(rows, now);
        // Of a moment nothing can be said.
        let seconds = now.duration_since(old.at).as_secs_f64().max(0.1);
        let latency: Buckets = std::array::from_fn(|bucket| new.latency[bucket].saturating_sub(old.latency[bucket]));
        Window {
            seconds,
            requests_per_second: new.answers.saturating_sub(old.answers) as f64 / seconds,
            errors_per_second: new.errors.saturating_sub(old.errors) as f64 / seconds,
            p50_ms: percentile_ms(&latency, 0.5),
            p99_ms: percentile_ms(&latency, 0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn a_window_sees_ten_seconds_and_no_more() {
        let rows = Traffic::rows(2);
        let recent = Recent::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(recent.window(&rows, begin), Window::default());
        // Long ago all was slow and wrong.
        rows[0].answered(StatusCode::BAD_GATEWAY, 900_000);
        for second in 0..30 {
            recent.tick(&rows, at(second));
            // Too early for another.
            recent.tick(&rows, at(second) + EVERY / 2);
            for _ in 0..10 {
                rows[1].answered(StatusCode::OK, 300);
            }
        }
        let window = recent.window(&rows, at(30));
        assert!((window.seconds - 10.0).abs() < 1e-6, "{window:?}");
        assert!((window.requests_per_second - 10.0).abs() < 1e-6, "{window:?}");
        assert_eq!(window.errors_per_second, 0.0);
        assert!(window.p99_ms.is_some_and(|ms| ms <= 0.35), "{window:?}");
        rows[1].failures.add(5);
        let window = recent.window(&rows, at(30));
        assert!((window.errors_per_second - 0.5).abs() < 1e-6, "{window:?}");
    }
}
