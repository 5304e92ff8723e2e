//! Properties of the share of errors.

use std::time::Duration;

use health::{Counts, RatioRules, Sliding};
use proptest::prelude::*;

const RULES: RatioRules = RatioRules {
    percent: 20,
    min_requests: 50,
    window: Duration::from_secs(10),
};

fn counts(requests: u64, errors: u64) -> Counts {
    Counts { requests, errors }
}

const WELL: Counts = Counts {
    requests: 1000,
    errors: 0,
};

#[test]
fn below_the_least_number_of_requests_nothing_is_said() {
    assert!(!RULES.is_outlier(counts(49, 49), WELL));
    assert!(RULES.is_outlier(counts(50, 50), WELL));
    assert!(RULES.is_outlier(counts(50, 10), WELL));
    assert!(!RULES.is_outlier(counts(50, 9), WELL));
}

#[test]
fn what_fails_everywhere_is_nobodys_fault() {
    assert!(!RULES.is_outlier(counts(100, 50), counts(200, 100)));
    assert!(!RULES.is_outlier(counts(100, 50), counts(200, 60)));
    assert!(RULES.is_outlier(counts(100, 50), counts(200, 50)));
}

#[test]
fn zero_percent_switches_it_off() {
    let rules = RatioRules { percent: 0, ..RULES };
    assert!(!rules.is_outlier(counts(1000, 1000), WELL));
}

#[test]
fn what_was_before_a_restart_does_not_count() {
    let mut sliding = Sliding::default();
    sliding.observe(Duration::ZERO, RULES.window, counts(0, 0));
    sliding.restart();
    let seen = sliding.observe(Duration::from_secs(1), RULES.window, counts(100, 100));
    assert_eq!(seen, Counts::default());
}

proptest! {
    #[test]
    fn one_request_more_never_makes_an_outlier_of_few(requests in 0u64..49, errors in 0u64..49) {
        prop_assert!(!RULES.is_outlier(counts(requests + 1, errors.min(requests) + 1), WELL));
    }

    #[test]
    fn the_window_holds_all_of_the_last_ten_seconds_and_nothing_older_than_eleven(
        steps in prop::collection::vec((0u64..2000, 0u64..20, 0u64..20), 1..200),
    ) {
        let mut sliding = Sliding::default();
        let (mut now, mut total) = (0, Counts::default());
        sliding.observe(Duration::ZERO, RULES.window, total);
        // The longest pause between two looks adds to how far back it may reach.
        let mut events: Vec<(u64, Counts)> = Vec::new();
        let mut longest = 0;
        for (step, good, bad) in steps {
            now += step;
            longest = longest.max(step);
            let added = counts(good + bad, bad);
            total = total.plus(added);
            events.push((now, added));
            let seen = sliding.observe(Duration::from_millis(now), RULES.window, total);
            let within = |reach: u64| {
                let young = events.iter().filter(|(at, _)| now - at < reach);
                young.fold(Counts::default(), |sum, (_, added)| sum.plus(*added))
            };
            prop_assert!(seen.requests >= within(10_000).requests);
            prop_assert!(seen.requests <= within(11_000 + 2 * longest + 1).requests);
            prop_assert!(seen.errors <= seen.requests);
        }
    }

    #[test]
    fn a_steady_share_of_errors_is_found_out_and_a_small_one_never(
        percent in 0u64..=100,
        seconds in 2u64..40,
    ) {
        let mut sliding = Sliding::default();
        let mut found = false;
        for second in 0..=seconds {
            let total = counts(second * 100, second * percent);
            let own = sliding.observe(Duration::from_secs(second), RULES.window, total);
            found |= RULES.is_outlier(own, WELL);
        }
        prop_assert_eq!(found, percent >= 20);
    }
}
