//! Who is given out, case by case, and for any case.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const A1: [u8; 4] = [192, 0, 2, 1];
const A2: [u8; 4] = [192, 0, 2, 2];
const A3: [u8; 4] = [192, 0, 2, 3];
const B1: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn node() -> Node {
    let mut node = Node::default();
    for address in [A1, A2, A3] {
        node.add(Rtype::A, 300, &address);
    }
    node.add(Rtype::AAAA, 300, &B1);
    node
}

fn standings(all: &[(IpAddr, u32, bool)]) -> Standings {
    let standing = |weight, alive| Standing {
        weight,
        alive,
        refused: false,
    };
    all.iter()
        .map(|(address, weight, alive)| (*address, standing(*weight, *alive)))
        .collect()
}

/// Last octets of what is given, sorted.
fn given(rtype: Rtype, standings: &Standings) -> Vec<u8> {
    let set = choose(&node(), rtype, standings, 5, 0);
    let mut last: Vec<u8> = set.map_or(Vec::new(), |set| {
        assert_eq!(set.ttl, 5);
        set.rdata.iter().filter_map(|rdata| rdata.last().copied()).collect()
    });
    last.sort_unstable();
    last
}

#[test]
fn the_living_are_given_and_the_dead_are_not() {
    let some = standings(&[(A1.into(), 100, true), (A2.into(), 100, false), (A3.into(), 100, true)]);
    assert_eq!(given(Rtype::A, &some), [1, 3]);
}

#[test]
fn what_is_not_probed_counts_as_alive() {
    let some = standings(&[(A1.into(), 100, false)]);
    assert_eq!(given(Rtype::A, &some), [2, 3]);
    assert_eq!(given(Rtype::A, &Standings::new()), [1, 2, 3]);
}

#[test]
fn backups_are_given_only_when_nobody_else_lives() {
    let all = |first| {
        standings(&[
            (A1.into(), 100, first),
            (A2.into(), 0, true),
            (A3.into(), 0, false),
            (B1.into(), 100, false),
        ])
    };
    assert_eq!(given(Rtype::A, &all(true)), [1]);
    assert_eq!(given(Rtype::A, &all(false)), [2]);
}

#[test]
fn when_all_are_down_all_are_given() {
    let down = [A1.into(), A2.into(), A3.into(), B1.into()].map(|address: IpAddr| (address, 100, false));
    assert_eq!(given(Rtype::A, &standings(&down)), [1, 2, 3]);
    assert_eq!(given(Rtype::AAAA, &standings(&down)), [1]);
}

#[test]
fn a_family_that_is_dead_is_empty_while_the_other_lives() {
    let some = standings(&[(B1.into(), 100, false)]);
    assert_eq!(given(Rtype::AAAA, &some), [0_u8; 0]);
    assert_eq!(given(Rtype::A, &some), [1, 2, 3]);
}

#[test]
fn what_the_operator_refuses_is_not_given_even_when_all_are_down() {
    let mut all = standings(&[A1.into(), A2.into(), A3.into(), B1.into()].map(|a: IpAddr| (a, 100, false)));
    let refused = Standing {
        refused: true,
        weight: 100,
        alive: false,
    };
    all.insert(A1.into(), refused);
    assert_eq!(given(Rtype::A, &all), [2, 3]);
}

#[test]
fn each_is_first_as_often_as_its_weight_says() {
    let weights = standings(&[(A1.into(), 50, true), (A2.into(), 100, true), (A3.into(), 150, true)]);
    let mut first = [0_u32; 4];
    for turn in 0..3_000 {
        let set = choose(&node(), Rtype::A, &weights, 5, turn).expect("three live");
        first[usize::from(set.rdata[0][3])] += 1;
    }
    for (address, expected) in [(1, 500_u32), (2, 1_000), (3, 1_500)] {
        assert!(first[address].abs_diff(expected) <= 10, "{first:?}");
    }
}

proptest! {
    #[test]
    fn an_answer_holds_only_what_the_zone_has_and_somebody_is_always_given(
        alive in prop::array::uniform4(any::<bool>()),
        weights in prop::array::uniform4(0_u32..3),
        turn in any::<u64>(),
    ) {
        let addresses: [IpAddr; 4] = [A1.into(), A2.into(), A3.into(), B1.into()];
        let all: Vec<_> = (0..4).map(|n| (addresses[n], weights[n], alive[n])).collect();
        let table = standings(&all);
        let mut count = 0;
        for rtype in [Rtype::A, Rtype::AAAA] {
            let whole = node();
            let have: HashSet<_> = whole.get(rtype).expect("a set").rdata.iter().collect();
            let Some(set) = choose(&whole, rtype, &table, 5, turn) else { continue };
            let unique: HashSet<_> = set.rdata.iter().collect();
            prop_assert!(!set.rdata.is_empty() && unique.len() == set.rdata.len() && unique.is_subset(&have));
            count += set.rdata.len();
            let lives = |rdata: &[u8]| rtype.address(rdata).is_some_and(|a| table[&a].alive);
            if alive.contains(&true) {
                prop_assert!(set.rdata.iter().all(|rdata| lives(rdata)));
            }
        }
        prop_assert!(count > 0);
    }
}
