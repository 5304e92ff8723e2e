//! Who is asked, in which order, and for which reason.

use chrono::DateTime;

use super::*;
use crate::topology::{Sample, Verdict};
use crate::{Freshness, NodeRole};

/// Node 0 is the primary at 100; the replicas are where `replicas` says, with a lag in milliseconds.
fn view(timeline: i32, replicas: &[(i64, u64)]) -> View {
    let node = |role, position, lag| Verdict {
        role,
        reason: None,
        lag,
        sample: Some(Sample {
            system: 7,
            in_recovery: role == NodeRole::Replica,
            timeline,
            timeline_is_exact: true,
            position,
            started: DateTime::UNIX_EPOCH,
        }),
    };
    let mut view = View {
        nodes: vec![node(NodeRole::Primary, 100, None)],
        system: Some(7),
        timeline,
        primary: Some(0),
        ..View::default()
    };
    for (index, (position, lag)) in replicas.iter().enumerate() {
        view.nodes
            .push(node(NodeRole::Replica, *position, Some(Duration::from_millis(*lag))));
        match *lag <= 10_000 {
            true => view.fresh.push(index + 1),
            false => view.late.push(index + 1),
        }
    }
    view
}

fn without_primary(mut view: View) -> View {
    view.primary = None;
    view.nodes[0].role = NodeRole::Down;
    view
}

fn at(timeline: i32, lsn: i64) -> Position {
    Position {
        system: 7,
        timeline,
        lsn,
    }
}

fn order(view: &View, freshness: Freshness) -> Vec<Candidate> {
    candidates(view, freshness.needed(view), 0, |_| 0)
}

#[test]
fn replicas_take_turns_and_the_primary_comes_after_them() {
    let view = view(1, &[(100, 0), (100, 0), (5, 20_000), (9, 20_000)]);
    let nodes = |turn, in_flight: fn(usize) -> u32| -> Vec<usize> {
        candidates(&view, None, turn, in_flight)
            .into_iter()
            .map(|(node, _)| node)
            .collect()
    };
    assert_eq!(
        nodes(0, |_| 0),
        [1, 2, 0, 4, 3],
        "of those that are late the furthest first"
    );
    assert_eq!(nodes(1, |_| 0), [2, 1, 0, 4, 3]);
    assert_eq!(nodes(1, |node| node as u32), [1, 2, 0, 4, 3], "the less busy one first");
    assert_eq!(order(&View::default(), Freshness::Bounded), []);
}

#[test]
fn a_session_reads_where_its_position_has_been_reached() {
    let view = view(1, &[(90, 100), (80, 100)]);
    assert_eq!(
        order(&view, Freshness::AtLeast(at(1, 85))),
        [(1, Why::CaughtUp), (0, Why::Behind)]
    );
    assert_eq!(
        order(&view, Freshness::AtLeast(at(1, 95))),
        [(1, Why::Waited), (0, Why::Behind)],
        "only the nearest is waited for"
    );
    let slow = self::view(1, &[(90, 2_000), (80, 2_000)]);
    assert_eq!(order(&slow, Freshness::AtLeast(at(1, 95))), [(0, Why::Behind)]);
}

#[test]
fn without_a_primary_only_replicas_that_may_get_there_are_asked() {
    let view = without_primary(view(1, &[(80, 2_000), (90, 2_000)]));
    assert_eq!(
        order(&view, Freshness::AtLeast(at(1, 95))),
        [(2, Why::Waited), (1, Why::Waited)]
    );
}

#[test]
fn a_position_of_an_older_timeline_is_met_on_the_present_one_and_one_of_a_later_by_nobody() {
    let view = view(2, &[(90, 100)]);
    assert_eq!(order(&view, Freshness::AtLeast(at(1, 85)))[0], (1, Why::CaughtUp));
    assert_eq!(
        order(&view, Freshness::AtLeast(at(1, 500))),
        [(1, Why::Waited), (0, Why::Behind)],
        "the lost end of the old timeline does not keep the new primary from answering"
    );
    assert_eq!(order(&view, Freshness::AtLeast(at(3, 1))), []);
}

#[test]
fn a_replica_that_has_not_followed_to_the_present_timeline_meets_nothing() {
    let mut view = view(2, &[(99, 100)]);
    if let Some(sample) = &mut view.nodes[1].sample {
        sample.timeline = 1;
    }
    assert!(!holds(&view, 1, at(1, 50)));
}

#[test]
fn a_position_of_another_cluster_asks_for_the_newest() {
    let view = view(1, &[(100, 0), (99, 100)]);
    let foreign = Position {
        system: 8,
        ..at(9, 9_999)
    };
    for freshness in [Freshness::AtLeast(foreign), Freshness::Newest] {
        assert_eq!(order(&view, freshness), [(1, Why::CaughtUp), (0, Why::Behind)]);
    }
    let headless = without_primary(self::view(1, &[(98, 0), (99, 0)]));
    assert_eq!(order(&headless, Freshness::Newest)[0], (2, Why::CaughtUp));
}

#[test]
fn the_later_of_two_positions_is_kept() {
    assert_eq!(at(1, 9).later(at(2, 3)), at(2, 3));
    assert_eq!(at(1, 9).later(at(1, 3)), at(1, 9));
    let foreign = Position { system: 8, ..at(1, 1) };
    assert_eq!(at(1, 9).later(foreign), foreign);
}

/// Every combination of a few positions, lags and roles: who is asked without waiting has been seen at the position.
#[test]
fn whoever_is_asked_at_once_has_reached_the_position() {
    for first in [10, 50, 99] {
        for second in [10, 50, 99] {
            for lag in [0, 300, 2_000, 20_000] {
                for needed in [at(1, 5), at(1, 50), at(2, 99), at(2, 100), at(3, 1)] {
                    let with = view(2, &[(first, lag), (second, lag)]);
                    for view in [without_primary(with.clone()), with] {
                        let order = candidates(&view, Some(needed), 1, |_| 0);
                        for (node, why) in &order {
                            assert!(
                                *why == Why::Waited || holds(&view, *node, needed),
                                "{needed:?} {order:?}"
                            );
                        }
                        let mut nodes: Vec<usize> = order.iter().map(|(node, _)| *node).collect();
                        nodes.dedup();
                        assert_eq!(nodes.len(), order.len(), "each once: {order:?}");
                    }
                }
            }
        }
    }
}
