//! Properties of the rise and fall verdict.

use health::{Health, Standing, Thresholds, Transition};
use proptest::prelude::*;

fn after(thresholds: Thresholds, results: &[bool]) -> Health {
    let mut health = Health::new(thresholds);
    for passed in results {
        health.record(*passed);
    }
    health
}

#[test]
fn the_first_result_decides() {
    let thresholds = Thresholds { rise: 3, fall: 3 };
    assert_eq!(Health::new(thresholds).record(true), Some(Transition::CameUp));
    assert_eq!(Health::new(thresholds).record(false), Some(Transition::WentDown));
}

#[test]
fn a_run_that_is_broken_starts_over() {
    let mut health = after(Thresholds { rise: 2, fall: 3 }, &[true, false, false, true]);
    assert_eq!(health.record(false), None);
    assert_eq!(health.record(false), None);
    assert!(health.is_wavering());
    assert_eq!(health.record(false), Some(Transition::WentDown));
    assert!(!health.is_wavering());
}

#[test]
fn zero_thresholds_count_as_one() {
    let mut health = after(Thresholds { rise: 0, fall: 0 }, &[true]);
    assert_eq!(health.record(false), Some(Transition::WentDown));
    assert_eq!(health.record(true), Some(Transition::CameUp));
}

proptest! {
    #[test]
    fn a_verdict_never_flips_on_one_sample(
        rise in 2u32..6,
        fall in 2u32..6,
        history in prop::collection::vec(any::<bool>(), 1..200),
        sample in any::<bool>(),
    ) {
        let mut health = after(Thresholds { rise, fall }, &history);
        // A steady stretch clears whatever run the history ended in.
        let up = health.standing() == Standing::Up;
        prop_assert_eq!(health.record(up), None);
        prop_assert_eq!(health.record(sample), None);
    }

    #[test]
    fn a_steady_signal_wins_within_its_threshold(
        rise in 1u32..8,
        fall in 1u32..8,
        history in prop::collection::vec(any::<bool>(), 0..200),
        signal in any::<bool>(),
    ) {
        let mut health = after(Thresholds { rise, fall }, &history);
        let needed = if signal { rise } else { fall };
        for _ in 0..needed {
            health.record(signal);
        }
        let expected = if signal { Standing::Up } else { Standing::Down };
        prop_assert_eq!(health.standing(), expected);
    }

    #[test]
    fn transitions_alternate_and_agree_with_the_standing(
        rise in 0u32..5,
        fall in 0u32..5,
        results in prop::collection::vec(any::<bool>(), 0..300),
    ) {
        let mut health = Health::new(Thresholds { rise, fall });
        let mut last = None;
        for passed in results {
            if let Some(transition) = health.record(passed) {
                prop_assert_ne!(Some(transition), last);
                let expected = match transition {
                    Transition::CameUp => Standing::Up,
                    Transition::WentDown => Standing::Down,
                };
                prop_assert_eq!(health.standing(), expected);
                last = Some(transition);
            }
        }
    }
}
