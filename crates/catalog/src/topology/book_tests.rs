//! Verdicts, sample by sample.

use chrono::DateTime;

use super::*;

fn replica(position: i64) -> Sample {
    Sample {
        system: 7,
        in_recovery: true,
        timeline: 1,
        timeline_is_exact: true,
        position,
        started: DateTime::UNIX_EPOCH,
    }
}

fn primary(position: i64) -> Sample {
    Sample {
        in_recovery: false,
        ..replica(position)
    }
}

fn on(timeline: i32, sample: Sample) -> Sample {
    Sample { timeline, ..sample }
}

fn roles(book: &Book) -> Vec<NodeRole> {
    book.view(Instant::now())
        .nodes
        .iter()
        .map(|verdict| verdict.role)
        .collect()
}

fn book(samples: &[Sample]) -> Book {
    let mut book = Book::new(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        book.enter(index, Ok(sample.clone()), Instant::now());
    }
    book
}

#[test]
fn one_failure_changes_nothing_and_two_do() {
    let mut book = book(&[primary(1), replica(1)]);
    assert_eq!(roles(&book), [NodeRole::Primary, NodeRole::Replica]);
    book.enter(1, Err("silent".into()), Instant::now());
    assert_eq!(roles(&book)[1], NodeRole::Replica);
    book.enter(1, Err("silent".into()), Instant::now());
    assert_eq!(roles(&book)[1], NodeRole::Down);
    assert_eq!(book.view(Instant::now()).nodes[1].reason.as_deref(), Some("silent"));
    book.enter(1, Ok(replica(1)), Instant::now());
    assert_eq!(roles(&book)[1], NodeRole::Down);
    book.enter(1, Ok(replica(1)), Instant::now());
    assert_eq!(roles(&book)[1], NodeRole::Replica);
}

#[test]
fn a_promoted_replica_is_the_primary_and_the_old_one_is_not_used() {
    let mut book = book(&[primary(9), replica(9), replica(9)]);
    book.enter(1, Ok(on(2, primary(10))), Instant::now());
    assert_eq!(roles(&book), [NodeRole::Down, NodeRole::Primary, NodeRole::Down]);
    let reason = book.view(Instant::now()).nodes[0].reason.clone().expect("a reason");
    assert!(reason.contains("old timeline 1"), "{reason}");
    book.enter(2, Ok(on(2, replica(10))), Instant::now());
    book.enter(0, Ok(on(2, replica(10))), Instant::now());
    assert_eq!(roles(&book), [NodeRole::Replica, NodeRole::Primary, NodeRole::Replica]);
}

#[test]
fn a_lower_timeline_is_never_the_primary_again() {
    let mut book = book(&[primary(9), on(2, primary(10))]);
    book.enter(1, Err("gone".into()), Instant::now());
    book.enter(1, Err("gone".into()), Instant::now());
    assert_eq!(roles(&book), [NodeRole::Down, NodeRole::Down]);
}

#[test]
fn a_node_of_another_cluster_is_never_used() {
    let foreign = Sample {
        system: 8,
        ..on(5, primary(99))
    };
    let other = book(&[foreign.clone(), primary(1), replica(1)]);
    assert_eq!(roles(&other), [NodeRole::Down, NodeRole::Primary, NodeRole::Replica]);

    // Settled by a primary, it stays settled whoever answers.
    let mut settled = book(&[primary(1), replica(1)]);
    for _ in 0..2 {
        settled.enter(0, Err("gone".into()), Instant::now());
        settled.enter(1, Ok(foreign.clone()), Instant::now());
    }
    assert_eq!(roles(&settled), [NodeRole::Down, NodeRole::Down]);
}

#[test]
fn a_replica_that_lags_for_long_is_late_and_one_that_catches_up_is_not() {
    let start = Instant::now();
    let mut book = Book::new(2);
    for second in 0..20 {
        book.enter(
            0,
            Ok(primary(1_000 + second)),
            start + Duration::from_secs(second as u64),
        );
        book.enter(1, Ok(replica(1_000)), start + Duration::from_secs(second as u64));
    }
    let view = book.view(start + Duration::from_secs(20));
    assert_eq!((view.fresh.as_slice(), view.late.as_slice()), (&[][..], &[1][..]));
    book.enter(1, Ok(replica(1_019)), start + Duration::from_secs(20));
    let view = book.view(start + Duration::from_secs(20));
    assert_eq!(view.fresh, [1]);
    assert_eq!(view.nodes[1].lag, Some(Duration::ZERO));
}

#[test]
fn a_replica_is_late_until_it_is_known_to_keep_up() {
    let late = |book: &Book| {
        let view = book.view(Instant::now());
        assert_eq!(view.fresh, [0; 0], "{view:?}");
        view.late
    };
    // Cut off a day ago, and we began to watch only now.
    let mut book = book(&[primary(1_000), replica(10)]);
    assert_eq!(late(&book), [1]);
    book.enter(1, Ok(replica(1_000)), Instant::now());
    assert_eq!(book.view(Instant::now()).fresh, [1]);
    // Crashed, and replays from its last checkpoint what it had shown already.
    book.enter(1, Ok(replica(20)), Instant::now());
    assert_eq!(late(&book), [1]);

    let mut headless = Book::new(2);
    headless.enter(0, Err("gone".into()), Instant::now());
    headless.enter(1, Ok(replica(10)), Instant::now());
    assert_eq!(late(&headless), [1], "no primary was seen to measure it by");
}
