//! Properties of the concurrency limit.

use std::time::Duration;

use health::{Concurrency, ConcurrencyRules};
use proptest::prelude::*;

const RULES: ConcurrencyRules = ConcurrencyRules {
    lowest: 20,
    highest: 1000,
    tolerance: 2.0,
    unhurried: Duration::from_millis(10),
};

/// A limit with its own time.
struct Pool {
    concurrency: Concurrency,
    now: Duration,
}

impl Pool {
    fn new(rules: ConcurrencyRules) -> Self {
        let mut pool = Self {
            concurrency: Concurrency::new(rules),
            now: Duration::ZERO,
        };
        // The first look only says when time begins.
        pool.concurrency.observe(pool.now, 0, Duration::ZERO);
        pool
    }

    /// Windows in which an answer takes `ms` on average.
    fn windows(&mut self, count: usize, ms: u64) -> usize {
        for _ in 0..count {
            self.now += Duration::from_millis(200);
            assert!(self.concurrency.observe(self.now, 50, Duration::from_millis(50 * ms)));
        }
        self.concurrency.limit()
    }
}

#[test]
fn the_limit_falls_when_answers_take_longer_and_comes_back_when_they_do_not() {
    let mut pool = Pool::new(RULES);
    assert_eq!(pool.windows(100, 20), 1000);
    assert!(pool.windows(3, 200) < 200, "three windows at ten times the usual");
    assert_eq!(pool.windows(10, 200), 20);
    assert_eq!(pool.windows(100, 20), 1000, "twenty seconds of usual answers");
}

#[test]
fn longer_than_usual_is_not_too_long_while_nobody_is_in_a_hurry() {
    let mut pool = Pool::new(RULES);
    pool.windows(100, 1);
    assert_eq!(pool.windows(100, 9), 1000);
}

#[test]
fn few_answers_are_not_judged_and_not_forgotten() {
    let mut pool = Pool::new(RULES);
    pool.windows(50, 20);
    for second in 1..10 {
        let now = pool.now + Duration::from_secs(second);
        assert!(!pool.concurrency.observe(now, 1, Duration::from_secs(1)));
    }
    assert_eq!(pool.concurrency.limit(), 1000);
    let now = pool.now + Duration::from_secs(10);
    assert!(pool.concurrency.observe(now, 1, Duration::from_secs(1)));
    assert_eq!(pool.concurrency.limit(), 500);
}

#[test]
fn what_is_slow_even_at_the_lowest_limit_is_usual_in_the_end() {
    let mut pool = Pool::new(RULES);
    pool.windows(100, 20);
    assert_eq!(pool.windows(20, 100), 20);
    assert_eq!(pool.windows(3000, 100), 1000, "ten minutes of slower answers");
}

#[test]
fn a_server_with_a_queue_is_kept_near_what_it_can_do() {
    // 40 at once take 20 ms each; what is above waits its turn.
    let mut pool = Pool::new(RULES);
    pool.windows(100, 20);
    let mut limits = Vec::new();
    for _ in 0..500 {
        let in_flight = pool.concurrency.limit().min(600) as u64;
        let ms = 20 * in_flight.max(40) / 40;
        limits.push(pool.windows(1, ms));
    }
    let steady = &limits[100..];
    let mean = steady.iter().sum::<usize>() / steady.len();
    assert!((40..120).contains(&mean), "{mean}");
}

proptest! {
    #[test]
    fn the_limit_stays_within_its_bounds(
        lowest in 1usize..500,
        more in 0usize..5000,
        tolerance in 1.0f64..10.0,
        means in proptest::collection::vec(0u64..1_000_000, 1..300),
    ) {
        let rules = ConcurrencyRules { lowest, highest: lowest + more, tolerance, ..RULES };
        let mut pool = Pool::new(rules);
        for mean in means {
            let limit = pool.windows(1, mean);
            prop_assert!((rules.lowest..=rules.highest).contains(&limit), "{limit}");
        }
    }

    #[test]
    fn one_window_takes_half_at_most(before in proptest::collection::vec(1u64..1000, 1..100), spike in 0u64..u64::MAX >> 20) {
        let mut pool = Pool::new(RULES);
        let mut limit = RULES.highest;
        for mean in before {
            limit = pool.windows(1, mean);
        }
        prop_assert!(pool.windows(1, spike) + 1 >= limit / 2);
    }

    #[test]
    fn steady_answers_never_lower_it(ms in 0u64..100_000, count in 1usize..200) {
        let mut pool = Pool::new(RULES);
        prop_assert_eq!(pool.windows(count, ms), RULES.highest);
    }

    #[test]
    fn whatever_came_before_usual_answers_bring_it_back(
        before in proptest::collection::vec(1u64..100_000, 0..200),
    ) {
        let mut pool = Pool::new(RULES);
        for mean in before {
            pool.windows(1, mean);
        }
        prop_assert_eq!(pool.windows(100, 1), RULES.highest);
    }
}
