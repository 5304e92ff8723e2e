//! How long requests take, as a histogram that forgets: four buckets to each
//! doubling, so that a percentile is right within a fifth. One worker writes and
//! reads it; recording is one addition.

use std::cell::Cell;
use std::time::Duration;

/// Seconds that it remembers.
const MEMORY_SECONDS: f64 = 30.0;
/// With less to go by, it says nothing.
const SAMPLES: f64 = 100.0;
/// Buckets to a doubling, as a power of two.
const SUB_BITS: u32 = 2;
/// Times above 2^32 microseconds, more than an hour, count as that long.
const BUCKETS: usize = 32 << SUB_BITS;

/// A histogram.
pub(crate) struct Times {
    weights: Box<[Cell<f64>]>,
    last_ms: Cell<u64>,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            weights: vec![Cell::new(0.0); BUCKETS].into(),
            last_ms: Cell::new(0),
        }
    }
}

impl Times {
    pub(crate) fn record(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if let Some(weight) = self.weights.get(bucket(micros).min(BUCKETS - 1)) {
            weight.set(weight.get() + 1.0);
        }
    }

    /// What was recorded fades.
    pub(crate) fn age(&self, now_ms: u64) {
        let seconds = now_ms.saturating_sub(self.last_ms.get()) as f64 / 1000.0;
        self.last_ms.set(now_ms.max(self.last_ms.get()));
        let fade = (-seconds / MEMORY_SECONDS).exp();
        for weight in &self.weights {
            weight.set(weight.get() * fade);
        }
    }

    /// No more than so many percent take longer than this. `None` if too few are
    /// remembered.
    pub(crate) fn percentile(&self, percent: u32) -> Option<Duration> {
        let total: f64 = self.weights.iter().map(Cell::get).sum();
        if total < SAMPLES {
            return None;
        }
        let mut rest = total * f64::from(percent) / 100.0;
        let index = self.weights.iter().position(|weight| {
            rest -= weight.get();
            rest <= 0.0
        });
        Some(Duration::from_micros(end(index.unwrap_or(BUCKETS - 1))))
    }
}

/// The bucket of a time: its highest bit and the two below it.
fn bucket(micros: u64) -> usize {
    let micros = micros.max(1 << SUB_BITS);
    let octave = micros.ilog2();
    let sub = (micros >> (octave - SUB_BITS)) - (1 << SUB_BITS);
    ((octave << SUB_BITS) as usize) + sub as usize
}

/// The first time that a bucket does not hold.
fn end(index: usize) -> u64 {
    let octave = (index >> SUB_BITS) as u32;
    let sub = (index & ((1 << SUB_BITS) - 1)) as u64;
    ((1 << SUB_BITS) + sub + 1) << octave.saturating_sub(SUB_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_percentile_is_right_within_a_fifth() {
        let times = Times::default();
        for time in 1..=1000 {
            times.record(ms(time));
        }
        for percent in [50, 90, 95, 99] {
            let exact = f64::from(percent) * 0.01;
            let found = times.percentile(percent).expect("enough").as_secs_f64();
            assert!((exact..exact * 1.25).contains(&found), "p{percent} is {found}");
        }
    }

    #[test]
    fn every_time_is_below_the_end_of_its_bucket_and_not_below_the_one_before() {
        for micros in (4..10_000).chain([1 << 31, (1 << 32) - 1]) {
            let index = bucket(micros);
            assert!(micros < end(index), "{micros}");
            assert!(micros >= end(index - 1) || micros == 4, "{micros}");
        }
        assert_eq!(bucket(u64::MAX).min(BUCKETS - 1), BUCKETS - 1);
    }

    #[test]
    fn few_times_say_nothing_and_old_ones_are_forgotten() {
        let times = Times::default();
        times.record(ms(1));
        assert_eq!(times.percentile(95), None);
        for _ in 0..1000 {
            times.record(ms(1));
        }
        assert!(times.percentile(95).expect("enough") < ms(2));
        times.age(600_000);
        assert_eq!(times.percentile(95), None);
        for _ in 0..1000 {
            times.record(ms(100));
        }
        assert!(
            times.percentile(5).expect("enough") >= ms(100),
            "what was long ago counts"
        );
    }
}
