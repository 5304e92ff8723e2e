//! What all ways to balance have in common.

use super::*;

const SCHEMES: [Balance; 4] = [
    Balance::RoundRobin,
    Balance::WeightedRoundRobin,
    Balance::LeastRequests,
    Balance::Hash,
];

fn servers(weights: &[u32]) -> Vec<(SocketAddr, u32)> {
    let address = |last: usize| SocketAddr::from(([10, 0, 0, last as u8], 80));
    let numbered = weights.iter().enumerate();
    numbered.map(|(index, weight)| (address(index), *weight)).collect()
}

#[test]
fn nobody_is_asked_where_there_is_nobody() {
    for balance in SCHEMES {
        let schedule = Schedule::new(balance, &[]);
        assert_eq!(schedule.first(7, None, |_| 0), None);
        assert_eq!(schedule.first(7, Some(7), |_| 0), None);
    }
}

#[test]
fn the_first_and_those_that_stand_in_for_it_are_all_servers_once() {
    for balance in SCHEMES {
        let schedule = Schedule::new(balance, &servers(&[1, 5, 2, 256]));
        for turn in (0..1000).chain([usize::MAX / 2]) {
            for key in [None, Some(turn as u64)] {
                let first = schedule.first(turn, key, |index| index).expect("one");
                let mut all = schedule.others(first, turn, key, |index| index);
                all.push(first);
                all.sort_unstable();
                assert_eq!(all, [0, 1, 2, 3], "{balance:?}");
            }
        }
    }
}

#[test]
fn idle_servers_share_by_their_weights_under_least_requests() {
    let schedule = Schedule::new(Balance::LeastRequests, &servers(&[3, 1]));
    let mut had = [0; 2];
    for turn in 0..400 {
        had[schedule.first(turn, None, |_| 0).expect("one")] += 1;
    }
    assert_eq!(had, [300, 100]);
}

#[test]
fn of_two_choices_the_one_with_less_to_do_for_its_weight_is_asked() {
    let schedule = Schedule::new(Balance::LeastRequests, &servers(&[1, 1]));
    for turn in 0..100 {
        assert_eq!(schedule.first(turn, None, |index| [5, 4][index]), Some(1));
    }
    let schedule = Schedule::new(Balance::LeastRequests, &servers(&[4, 1]));
    for turn in 0..100 {
        assert_eq!(schedule.first(turn, None, |index| [7, 2][index]), Some(0));
    }
}

#[test]
fn what_a_missing_server_leaves_over_goes_to_all_others_alike() {
    let schedule = Schedule::new(Balance::RoundRobin, &servers(&[1, 1, 1, 1]));
    let mut had = [0; 4];
    for turn in (0..1200).filter(|turn| schedule.first(*turn, None, |_| 0) == Some(2)) {
        had[schedule.others(2, turn, None, |_| 0)[0]] += 1;
    }
    assert_eq!(had, [100, 100, 0, 100]);
}
