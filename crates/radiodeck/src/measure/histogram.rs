//! Latencies, kept to three digits in bounded memory.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longer is counted as this long: no request waits for two minutes.
const CEILING_US: u64 = 120_000_000;

/// A distribution of durations.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    microseconds: Histogram<u64>,
}

impl Latencies {
    /// An empty distribution.
    pub(crate) fn new() -> Self {
        Self {
            microseconds: Histogram::new_with_bounds(1, CEILING_US, 3).expect("constant bounds that are in order"),
        }
    }

    /// Adds one duration.
    pub(crate) fn add(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(CEILING_US);
        self.microseconds.saturating_record(us.clamp(1, CEILING_US));
    }

    /// The duration that a share `quantile` (0 to 1) of all do not exceed,
    /// milliseconds; no number when there are none.
    pub(crate) fn ms(&self, quantile: f64) -> f64 {
        if self.microseconds.is_empty() {
            f64::NAN
        } else {
            self.microseconds.value_at_quantile(quantile) as f64 / 1000.0
        }
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut latencies = Self::new();
        for duration in durations {
            latencies.add(duration);
        }
        latencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_three_digits() {
        let latencies: Latencies = (1..=1000).map(Duration::from_millis).collect();
        for (quantile, expected) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = latencies.ms(quantile);
            assert!((found - expected).abs() / expected < 0.002, "{quantile}: {found}");
        }
    }

    #[test]
    fn nothing_measured_is_no_number() {
        assert!(Latencies::new().ms(0.99).is_nan());
    }
}
