//! Properties of ejections.

use std::time::Duration;

use health::{Outlier, OutlierRules, may_eject};
use proptest::prelude::*;

const RULES: OutlierRules = OutlierRules {
    failures: 3,
    base: Duration::from_secs(5),
    longest: Duration::from_secs(60),
};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Fails until ejected at `now`; answers the length of the ejection.
fn eject(outlier: &mut Outlier, now: Duration) -> Duration {
    for _ in 1..RULES.failures {
        assert_eq!(outlier.failed(now, true), None);
    }
    outlier.failed(now, true).expect("ejected") - now
}

#[test]
fn failures_in_a_row_eject_and_a_success_between_them_does_not() {
    let mut outlier = Outlier::new(RULES);
    outlier.failed(at(0), true);
    outlier.failed(at(0), true);
    outlier.succeeded();
    outlier.failed(at(0), true);
    assert_eq!(outlier.failed(at(0), true), None);
    assert_eq!(outlier.failed(at(0), true), Some(at(5)));
}

#[test]
fn each_ejection_in_a_row_is_twice_as_long_up_to_the_longest() {
    let mut outlier = Outlier::new(RULES);
    let mut now = at(0);
    for expected in [5, 10, 20, 40, 60, 60] {
        assert_eq!(eject(&mut outlier, now), at(expected));
        now = outlier.ejected_until().expect("ejected");
        assert!(outlier.tick(now));
    }
}

#[test]
fn good_behaviour_is_forgiven_step_by_step() {
    let mut outlier = Outlier::new(RULES);
    assert_eq!(eject(&mut outlier, at(0)), at(5));
    assert!(outlier.tick(at(5)));
    assert_eq!(eject(&mut outlier, at(5)), at(10));
    assert!(outlier.tick(at(15)));
    // Ten quiet seconds forgive the second, five more the first.
    outlier.tick(at(25));
    outlier.tick(at(30));
    assert_eq!(eject(&mut outlier, at(31)), at(5));
}

#[test]
fn without_room_nobody_is_ejected_and_the_next_failure_with_room_ejects() {
    let mut outlier = Outlier::new(RULES);
    for _ in 0..10 {
        assert_eq!(outlier.failed(at(0), false), None);
    }
    assert_eq!(outlier.failed(at(1), true), Some(at(6)));
}

#[test]
fn an_ejection_can_end_early_once() {
    let mut outlier = Outlier::new(RULES);
    eject(&mut outlier, at(0));
    assert!(outlier.readmit(at(1)));
    assert!(!outlier.readmit(at(1)));
    assert!(!outlier.tick(at(100)));
}

#[test]
fn zero_failures_switch_ejection_off() {
    let mut outlier = Outlier::new(OutlierRules { failures: 0, ..RULES });
    assert!((0..1000).all(|_| outlier.failed(at(0), true).is_none()));
}

proptest! {
    #[test]
    fn the_last_machine_is_never_ejected(total in 0usize..50, percent in 0u8..=255) {
        let mut ejected = 0;
        while may_eject(ejected, total, percent) {
            ejected += 1;
        }
        prop_assert!(total == 0 || ejected < total, "{} of {}", ejected, total);
        prop_assert!(ejected <= (total * usize::from(percent.min(100)) / 100).max(1));
    }

    #[test]
    fn whatever_fails_no_more_than_the_share_is_out_at_any_moment(
        total in 1usize..12,
        percent in 0u8..=100,
        events in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, 0u64..2000), 1..400),
    ) {
        let mut machines = vec![Outlier::new(RULES); total];
        let mut now = Duration::ZERO;
        let out = |machines: &[Outlier]| machines.iter().filter(|one| one.ejected_until().is_some()).count();
        for (machine, event, step) in events {
            now += Duration::from_millis(step);
            for machine in &mut machines {
                machine.tick(now);
            }
            let room = may_eject(out(&machines), total, percent);
            let machine = &mut machines[machine.index(total)];
            match event {
                0 => machine.succeeded(),
                1 => {
                    machine.failed(now, room);
                }
                // By its share of errors.
                _ if room => {
                    machine.eject(now);
                }
                _ => {}
            }
            prop_assert!(out(&machines) <= (total * usize::from(percent) / 100).max(1));
            prop_assert!(out(&machines) < total);
        }
    }

    #[test]
    fn an_ejection_ends_when_it_said_it_would(
        events in prop::collection::vec((any::<bool>(), 0u64..4000), 1..300),
    ) {
        let mut outlier = Outlier::new(RULES);
        let mut now = Duration::ZERO;
        for (good, step) in events {
            now += Duration::from_millis(step);
            let until = outlier.ejected_until();
            let ended = outlier.tick(now);
            prop_assert_eq!(ended, until.is_some_and(|until| now >= until));
            if good {
                outlier.succeeded();
            } else if let Some(until) = outlier.failed(now, true) {
                let length = until - now;
                prop_assert!(length >= RULES.base && length <= RULES.longest);
            }
        }
    }
}
