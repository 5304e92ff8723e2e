//! How long answers took: counts by bucket, from which Prometheus makes what it
//! likes and `/status` estimates percentiles.

use super::{Counter, sum};

/// Upper bounds of the buckets, microseconds. Neighbours are less than a factor
/// of two apart where answers usually are, which is how wrong an estimate can be.
pub(crate) const BOUNDS_US: [u64; 24] = [
    100, 200, 350, 500, 750, 1000, 1500, 2000, 3500, 5000, 7500, 10_000, 15_000, 25_000, 50_000, 75_000, 100_000,
    150_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 30_000_000,
];

/// The last bucket is above all bounds.
const BUCKETS: usize = BOUNDS_US.len() + 1;

/// One worker's counts.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    buckets: [Counter; BUCKETS],
    total_us: Counter,
}

/// Counts of all workers.
pub(crate) type Buckets = [u64; BUCKETS];

impl Latency {
    pub(super) fn record(&self, elapsed_us: u64) {
        let bucket = BOUNDS_US.partition_point(|bound| *bound < elapsed_us);
        self.buckets[bucket].add(1);
        self.total_us.add(elapsed_us);
    }

    /// Adds up rows that each have one.
    pub(crate) fn buckets<Row>(rows: &[Row], latency: impl Fn(&Row) -> &Self) -> Buckets {
        std::array::from_fn(|bucket| sum(rows, |row| &latency(row).buckets[bucket]))
    }

    /// All times together, microseconds.
    pub(crate) fn total_us<Row>(rows: &[Row], latency: impl Fn(&Row) -> &Self) -> u64 {
        sum(rows, |row| &latency(row).total_us)
    }
}

/// The time within which `share` of the counted answers came, milliseconds, as
/// if they lay evenly in their bucket. `None` without any.
pub(crate) fn percentile_ms(buckets: &Buckets, share: f64) -> Option<f64> {
    let count: u64 = buckets.iter().sum();
    let wanted = share * count as f64;
    let mut below = 0.0;
    for (index, counted) in buckets.iter().enumerate() {
        let here = *counted as f64;
        if here > 0.0 && below + here >= wanted {
            let low = index.checked_sub(1).map_or(0, |before| BOUNDS_US[before]) as f64;
            // Above all bounds nothing is known but that.
            let high = BOUNDS_US.get(index).map_or(low, |bound| *bound as f64);
            return Some((low + (high - low) * (wanted - below) / here) / 1000.0);
        }
        below += here;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_the_bucket_whose_bound_it_does_not_exceed() {
        let latency = Latency::default();
        for elapsed_us in [0, 100, 101, 200, 30_000_000, 30_000_001] {
            latency.record(elapsed_us);
        }
        let rows = [latency];
        let buckets = Latency::buckets(&rows, |latency| latency);
        assert_eq!((buckets[0], buckets[1]), (2, 2));
        assert_eq!((buckets[BUCKETS - 2], buckets[BUCKETS - 1]), (1, 1));
        assert_eq!(Latency::total_us(&rows, |latency| latency), 60_000_402);
    }

    #[test]
    fn percentiles_lie_in_the_bucket_that_holds_them() {
        let latency = Latency::default();
        for _ in 0..98 {
            latency.record(300);
        }
        latency.record(40_000);
        latency.record(90_000_000);
        let buckets = Latency::buckets(&[latency], |latency| latency);
        let at = |share| percentile_ms(&buckets, share).expect("counted");
        assert!((0.2..=0.35).contains(&at(0.5)), "{}", at(0.5));
        assert!((25.0..=50.0).contains(&at(0.99)), "{}", at(0.99));
        assert!((at(1.0) - 30_000.0).abs() < 0.1, "{}", at(1.0));
        assert_eq!(percentile_ms(&[0; BUCKETS], 0.5), None);
    }
}
