//! Rotation and ejection of a pool, without any socket.

use super::in_flight::InFlight;
use super::view::{Pick, PoolView};
use super::*;
use crate::problem::Problem;

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 80))
}

fn addresses(lasts: impl IntoIterator<Item = u8>) -> BTreeMap<SocketAddr, u32> {
    lasts.into_iter().map(|last| (address(last), 1)).collect()
}

fn pool_with(config: PoolConfig, servers: u8) -> Arc<Pool> {
    let pool = Arc::new(Pool::new(config, 2));
    for server in pool.set_addresses(&addresses(1..=servers)) {
        pool.checked(&server, Outcome::Passed);
    }
    pool
}

fn pool(servers: u8) -> Arc<Pool> {
    pool_with(PoolConfig::default(), servers)
}

/// A place on some server.
fn take(view: &PoolView, tried: &[u64]) -> Option<InFlight> {
    match view.pick(tried, None) {
        Pick::Server(_, place) => Some(place),
        Pick::Full | Pick::Nobody => None,
    }
}

fn server(pool: &Pool, last: u8) -> Arc<Server> {
    let members = pool.members();
    members
        .into_iter()
        .find(|server| server.address == address(last))
        .expect("a member")
}

fn unreachable() -> Outcome {
    Outcome::Unreachable("test".into())
}

/// Which servers `picks` requests in a row go to, over two workers in turn.
fn counts(pool: &Arc<Pool>, picks: usize) -> BTreeMap<SocketAddr, usize> {
    let views = [PoolView::new(pool.clone()), PoolView::new(pool.clone())];
    let mut counts = BTreeMap::new();
    for index in 0..picks {
        let place = take(&views[index % 7 % 2], &[]).expect("a server");
        *counts.entry(place.server().address).or_default() += 1;
    }
    counts
}

#[test]
fn round_robin_is_round_over_all_workers() {
    let counts = counts(&pool(3), 3000);
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [1000, 1000, 1000]);
}

#[test]
fn a_dead_server_is_out_after_fall_failures_and_its_share_is_spread_evenly() {
    let pool = pool(3);
    pool.checked(&server(&pool, 2), unreachable());
    assert_eq!(counts(&pool, 300).len(), 3, "one failure changes nothing");
    pool.checked(&server(&pool, 2), unreachable());
    assert!(server(&pool, 2).is_dead());
    assert_eq!(
        counts(&pool, 300),
        BTreeMap::from([(address(1), 150), (address(3), 150)])
    );
    pool.checked(&server(&pool, 2), Outcome::Passed);
    assert!(!server(&pool, 2).is_dead());
    assert_eq!(counts(&pool, 300).len(), 2, "one success changes nothing");
    pool.checked(&server(&pool, 2), Outcome::Passed);
    assert_eq!(counts(&pool, 300).len(), 3);
}

#[test]
fn a_server_that_says_no_is_out_and_not_dead() {
    let pool = pool(2);
    for _ in 0..2 {
        pool.checked(&server(&pool, 1), Outcome::Refused(503));
    }
    assert!(!server(&pool, 1).is_in_rotation());
    assert!(!server(&pool, 1).is_dead());
}

#[test]
fn all_down_fails_open() {
    let pool = pool(2);
    for last in [1, 2, 1, 2] {
        pool.checked(&server(&pool, last), unreachable());
    }
    assert_eq!(counts(&pool, 10).len(), 2);
}

#[test]
fn a_new_server_waits_for_its_first_check_unless_nothing_else_is_there() {
    let pool = Arc::new(Pool::new(PoolConfig::default(), 1));
    pool.set_addresses(&addresses([1]));
    assert_eq!(counts(&pool, 4), BTreeMap::from([(address(1), 4)]));
    pool.checked(&server(&pool, 1), Outcome::Passed);
    pool.set_addresses(&addresses([1, 2]));
    assert_eq!(counts(&pool, 4), BTreeMap::from([(address(1), 4)]));
    pool.checked(&server(&pool, 2), Outcome::Passed);
    assert_eq!(counts(&pool, 4).len(), 2);
}

#[test]
fn a_server_that_left_stays_until_its_last_answer_is_out() {
    let pool = pool(2);
    let leaving = server(&pool, 1);
    let request = InFlight::begin(&leaving).expect("a place");
    pool.set_addresses(&addresses([2]));
    assert_eq!(counts(&pool, 4), BTreeMap::from([(address(2), 4)]));
    pool.tick();
    assert_eq!(pool.members().len(), 2);
    drop(request);
    pool.tick();
    assert_eq!(pool.members().len(), 1);
    assert!(leaving.is_gone());
}

#[test]
fn failures_in_a_row_eject_and_probes_that_see_it_return_bring_it_back() {
    let pool = pool(2);
    let failing = server(&pool, 1);
    for _ in 0..3 {
        pool.failed(&failing, Problem::ConnectFailed);
    }
    assert!(failing.is_ejected());
    assert_eq!(counts(&pool, 4), BTreeMap::from([(address(2), 4)]));
    // The other one may not go as well.
    for _ in 0..10 {
        pool.failed(&server(&pool, 2), Problem::ConnectFailed);
    }
    assert!(!server(&pool, 2).is_ejected());
    pool.checked(&failing, Outcome::Passed);
    assert!(failing.is_ejected());
    pool.checked(&failing, Outcome::Passed);
    assert!(failing.is_in_rotation());
}

#[test]
fn a_server_that_is_there_and_fails_stays_ejected_whatever_probes_say() {
    let pool = pool(2);
    let failing = server(&pool, 1);
    for _ in 0..3 {
        pool.failed(&failing, Problem::ConnectionLost);
    }
    for _ in 0..10 {
        pool.checked(&failing, Outcome::Passed);
    }
    assert!(failing.is_ejected());
    // One probe that finds nobody there, and it is a restart.
    for outcome in [unreachable(), Outcome::Passed, Outcome::Passed] {
        pool.checked(&failing, outcome);
    }
    assert!(failing.is_in_rotation());
}

#[test]
fn a_server_that_was_unreachable_long_ago_stays_ejected_all_the_same() {
    let pool = pool(2);
    let failing = server(&pool, 1);
    for outcome in [
        unreachable(),
        unreachable(),
        Outcome::Passed,
        Outcome::Passed,
        Outcome::Passed,
    ] {
        pool.checked(&failing, outcome);
    }
    assert!(failing.is_in_rotation());
    for _ in 0..3 {
        pool.failed(&failing, Problem::AnswerMalformed);
    }
    for _ in 0..10 {
        pool.checked(&failing, Outcome::Passed);
        assert!(failing.is_ejected(), "what was before the ejection ended it");
    }
    for outcome in [unreachable(), Outcome::Passed, Outcome::Passed] {
        pool.checked(&failing, outcome);
    }
    assert!(failing.is_in_rotation());
}

#[test]
fn a_retry_goes_to_another_server_and_rather_to_one_without_a_record() {
    let pool = pool(3);
    pool.failed(&server(&pool, 2), Problem::ConnectionLost);
    let view = PoolView::new(pool.clone());
    let tried = [server(&pool, 1).id];
    for _ in 0..10 {
        assert_eq!(take(&view, &tried).expect("a server").server().address, address(3));
    }
    assert_eq!(pool.turn.load(Ordering::Relaxed), 0, "a retry has taken a turn");
    let tried: Vec<u64> = (1..=3).map(|last| server(&pool, last).id).collect();
    assert!(matches!(view.pick(&tried, None), Pick::Nobody));
}

/// How often each server has its turn in `turns` of them.
fn turns(rotation: &Rotation, turns: usize) -> Vec<usize> {
    let mut had = vec![0; rotation.chosen.len()];
    for turn in 0..turns {
        had[rotation.schedule.first(turn, None, |_| 0).expect("a server")] += 1;
    }
    had
}

#[test]
fn a_server_that_comes_back_begins_with_a_tenth_of_its_share() {
    let config = PoolConfig {
        slow_start_ms: 1000,
        ..PoolConfig::default()
    };
    let pool = pool_with(config, 2);
    let at = |ms| Rotation::new(&pool.members(), &pool.config, Duration::from_millis(ms));
    // Since whenever it began, both are through by then.
    assert_eq!(turns(&at(60_000), 22), [11, 11]);
    for outcome in [unreachable(), unreachable()] {
        server(&pool, 2).record_check(outcome);
    }
    assert_eq!(turns(&at(60_000), 22), [22]);
    for outcome in [Outcome::Passed, Outcome::Passed] {
        server(&pool, 2).record_check(outcome);
    }
    assert_eq!(turns(&at(70_000), 22), [20, 2]);
    assert_eq!(turns(&at(70_500), 31), [20, 11]);
    assert_eq!(turns(&at(71_000), 22), [11, 11]);
}

#[test]
fn a_weight_that_changes_counts_from_the_next_turn() {
    let config = PoolConfig {
        balance: crate::config::Balance::WeightedRoundRobin,
        ..PoolConfig::default()
    };
    let pool = pool_with(config, 2);
    pool.set_addresses(&BTreeMap::from([(address(1), 3), (address(2), 1)]));
    assert_eq!(
        counts(&pool, 400),
        BTreeMap::from([(address(1), 300), (address(2), 100)])
    );
}

#[test]
fn the_operator_word_holds_for_a_server_that_is_found_again() {
    let pool = pool(2);
    let drained = server(&pool, 1);
    pool.set_admin(address(1), operator::Admin::Draining).expect("done");
    assert!(!drained.is_in_rotation());
    pool.set_addresses(&addresses([2]));
    pool.tick();
    assert_eq!(pool.members().len(), 1);
    for server in pool.set_addresses(&addresses([1, 2])) {
        pool.checked(&server, Outcome::Passed);
    }
    assert_eq!(counts(&pool, 4), BTreeMap::from([(address(2), 4)]));
    pool.set_admin(address(1), operator::Admin::Enabled).expect("done");
    assert_eq!(counts(&pool, 4).len(), 2);
}

#[test]
fn disabled_servers_do_not_make_room_for_ejections() {
    let pool = pool(3);
    pool.set_admin(address(1), operator::Admin::Disabled).expect("done");
    pool.set_admin(address(2), operator::Admin::Disabled).expect("done");
    for _ in 0..10 {
        pool.failed(&server(&pool, 3), Problem::ConnectionLost);
    }
    assert!(!server(&pool, 3).is_ejected(), "the last one was ejected");
}
