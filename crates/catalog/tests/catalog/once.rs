//! Writes take place once, whatever is lost on the way.

use std::time::Duration;

use catalog::{Click, Clicks, Database, Error, IdempotencyKey, Position, Visitor, VoteOutcome, Written, migrate};
use futures::future::join_all;
use serde_json::json;

use crate::relay::{AtCommit, Relay};
use crate::support::{Fixture, TestCluster, ndjson, run, shared, station, until, uuid, within};

const COUNTS: &str = "select (select count(*) from radiodeck.votes), (select votes from radiodeck.stations)";

fn visitor(number: u8) -> Visitor {
    Visitor([number; 16])
}

fn key(name: u8, request: u8) -> IdempotencyKey {
    IdempotencyKey::new([name; 32], [request; 32])
}

/// One station, and a relay between its database and `database`.
async fn relayed() -> (Fixture, Relay, Database) {
    let fixture = Fixture::with(&[station(1, "A", &json!({}))]).await;
    let mut config = shared().await.config(&fixture.name, "app");
    let relay = Relay::start(&config.nodes[0].host);
    config.nodes[0].host = relay.host();
    let database = Database::open(&config).expect("opens");
    within("a primary is seen", database.writable()).await;
    (fixture, relay, database)
}

/// A primary and a replica with one station, the primary behind a relay.
async fn relayed_pair() -> (TestCluster, Relay, Database) {
    let cluster = TestCluster::start(1).await;
    let owner = cluster.config("radiodeck", "owner");
    migrate::run(&owner, Duration::from_secs(30)).await.expect("migrates");
    let mut config = cluster.config("radiodeck", "app");
    let relay = Relay::start(&config.nodes[0].host);
    config.nodes[0].host = relay.host();
    let database = Database::open(&config).expect("opens");
    within("a primary is seen", database.writable()).await;
    let rows = ndjson(&[station(1, "A", &json!({}))]);
    catalog::import::import(&rows[..], &database, &Default::default(), |_| {})
        .await
        .expect("imports");
    (cluster, relay, database)
}

/// Votes while the primary is killed at the vote's COMMIT and the replica promoted; what the replica then counts.
async fn vote_through_a_failover(at: AtCommit) -> (Written<VoteOutcome>, String) {
    let (nodes, relay, database) = relayed_pair().await;
    let on_replica = async |sql: &str| {
        nodes
            .cluster
            .superuser_sql("pg-2", "radiodeck", sql)
            .await
            .expect("SQL")
    };
    let is_there = "select count(*) from radiodeck.stations";
    until("the replica has the station", async || {
        on_replica(is_there).await == "1"
    })
    .await;
    relay.at_next_commit(at);
    let voter = database.clone();
    let vote = tokio::spawn(async move {
        let write = voter.write().within(Duration::from_secs(30));
        write.vote(uuid(1), visitor(1)).await
    });
    relay.holds().await;
    if at == AtCommit::HoldItsAnswer {
        until("the replica has the vote", async || on_replica(COUNTS).await == "1|1").await;
    }
    nodes.cluster.kill_node("pg-1").await.expect("kills");
    on_replica("select pg_promote()").await;
    relay.let_go();
    let written = within("the vote ends", vote).await.expect("no panic").expect("votes");
    let counts = on_replica(COUNTS).await;
    nodes.cluster.stop().await;
    (written, counts)
}

#[test]
fn a_vote_whose_connection_is_lost_at_its_commit_counts_once() {
    run(async {
        let (fixture, relay, database) = relayed().await;
        for (by, at) in [(1, AtCommit::LoseIt), (2, AtCommit::LoseItsAnswer)] {
            relay.at_next_commit(at);
            let written = within("the vote ends", database.write().vote(uuid(1), visitor(by))).await;
            let votes = i32::from(by);
            assert_eq!(written.expect("votes").value, VoteOutcome::Counted { votes }, "{at:?}");
            assert_eq!(fixture.sql(COUNTS).await, format!("{by}|{by}"), "{at:?}");
        }
    });
}

#[test]
fn a_vote_whose_primary_dies_before_its_commit_is_counted_once_by_the_next_primary() {
    run(async {
        let (written, counts) = vote_through_a_failover(AtCommit::Hold).await;
        assert_eq!(written.value, VoteOutcome::Counted { votes: 1 });
        assert_eq!((written.position.timeline, counts.as_str()), (2, "1|1"));
    });
}

#[test]
fn a_vote_whose_primary_dies_after_its_commit_is_not_counted_again_by_the_next_primary() {
    run(async {
        let (written, counts) = vote_through_a_failover(AtCommit::HoldItsAnswer).await;
        assert_eq!(written.value, VoteOutcome::Counted { votes: 1 });
        assert_eq!((written.position.timeline, counts.as_str()), (2, "1|1"));
    });
}

#[test]
fn a_write_that_cannot_find_out_what_became_of_it_says_so_and_its_name_finds_out_later() {
    run(async {
        let (fixture, relay, database) = relayed().await;
        let write = database.write().named(key(1, 1)).within(Duration::from_millis(500));
        relay.at_next_commit(AtCommit::HoldItsAnswer);
        let error = write.vote(uuid(1), visitor(1)).await.expect_err("no answer");
        assert!(matches!(error, Error::Unknown { .. }), "{error}");
        relay.let_go();
        let write = write.within(Duration::from_secs(10));
        let again = write.vote(uuid(1), visitor(1)).await.expect("votes");
        assert_eq!(again.value, VoteOutcome::Counted { votes: 1 });
        assert_eq!(fixture.sql(COUNTS).await, "1|1");
    });
}

#[test]
fn under_one_name_a_write_is_answered_again_and_another_one_is_refused() {
    run(async {
        let fixture = Fixture::with(&[station(1, "A", &json!({"url_resolved": "http://a.test/"}))]).await;
        let named = |name, request| fixture.database.write().named(key(name, request));
        for _ in 0..3 {
            let vote = named(1, 1).vote(uuid(1), visitor(1)).await.expect("votes");
            assert_eq!(vote.value, VoteOutcome::Counted { votes: 1 });
            let click = named(2, 1).click(uuid(1), visitor(1)).await.expect("clicks");
            assert!(matches!(click.value, Click::Play(stream) if stream.url == "http://a.test/"));
            let nowhere = named(3, 1).vote(uuid(9), visitor(1)).await.expect("an outcome");
            assert_eq!(nowhere.value, VoteOutcome::UnknownStation);
        }
        let unnamed = fixture.database.write().vote(uuid(1), visitor(1)).await;
        assert_eq!(unnamed.expect("an outcome").value, VoteOutcome::TooSoon);
        let other = named(1, 2)
            .vote(uuid(1), visitor(2))
            .await
            .expect_err("another request");
        assert!(matches!(other, Error::KeyReused), "{other}");
        assert_eq!(fixture.sql(COUNTS).await, "1|1");
        let replays = "select sum(replays) from radiodeck.idempotency";
        assert_eq!(fixture.sql(replays).await, "6", "the refused one left no trace");

        fixture.sql("update radiodeck.idempotency set expires_at = now()").await;
        let tidied = fixture.database.write().tidy().await.expect("tidies");
        assert_eq!(tidied.keys_removed, 4);
    });
}

#[test]
fn of_several_at_once_under_one_name_one_takes_place_and_all_are_answered_alike() {
    run(async {
        let fixture = Fixture::with(&[station(1, "A", &json!({}))]).await;
        let votes = (0..8).map(async |_| {
            let write = fixture.database.write().named(key(1, 1));
            write.vote(uuid(1), visitor(1)).await.expect("votes").value
        });
        assert_eq!(join_all(votes).await, [VoteOutcome::Counted { votes: 1 }; 8]);
        assert_eq!(fixture.sql(COUNTS).await, "1|1");
    });
}

#[test]
fn a_writer_that_falls_silent_before_its_commit_keeps_nobody_else_from_writing() {
    run(async {
        let (fixture, relay, database) = relayed().await;
        relay.at_next_commit(AtCommit::Hold);
        let silent = tokio::spawn(async move { database.write().vote(uuid(1), visitor(1)).await });
        relay.holds().await;
        // It holds the station's row until Postgres ends its idle transaction.
        let other = within("the other votes", fixture.database.write().vote(uuid(1), visitor(2))).await;
        assert_eq!(other.expect("votes").value, VoteOutcome::Counted { votes: 1 });
        relay.let_go();
        let silent = within("the silent one votes", silent).await.expect("no panic");
        assert_eq!(silent.expect("votes").value, VoteOutcome::Counted { votes: 2 });
    });
}

#[test]
fn each_write_says_from_which_position_on_it_can_be_seen() {
    run(async {
        let fixture = Fixture::with(&[station(1, "A", &json!({}))]).await;
        let position = async |by| {
            let written = fixture.database.write().vote(uuid(1), visitor(by)).await;
            written.expect("votes").position
        };
        let (first, second): (Position, Position) = (position(1).await, position(2).await);
        assert_eq!((first.system, first.timeline), (second.system, second.timeline));
        assert!(first.lsn < second.lsn, "{first:?} {second:?}");
        let said = "select system_identifier || '|' || (pg_current_wal_flush_lsn() - '0/0' >= ";
        let said = fixture
            .sql(&format!("{said}{}) from pg_control_system()", second.lsn))
            .await;
        assert_eq!(said, format!("{}|true", second.system));
    });
}

#[test]
fn collected_clicks_count_once_a_visitor_and_day_even_if_a_batch_is_written_twice() {
    run(async {
        let (fixture, relay, database) = relayed().await;
        let clicks = Clicks::new(database);
        for by in [1, 1, 2, 3] {
            clicks.add(uuid(1), visitor(by));
        }
        clicks.add(uuid(9), visitor(1));
        assert_eq!(clicks.waiting(), 4, "the same click waits once");
        relay.at_next_commit(AtCommit::LoseItsAnswer);
        clicks.flush(Duration::from_secs(10)).await.expect("writes");
        assert_eq!(clicks.waiting(), 0);
        clicks.add(uuid(1), visitor(1));
        clicks.flush(Duration::from_secs(10)).await.expect("writes");
        let counts = "select clickcount, clicktrend, clicktimestamp is not null, \
            (select count(*) from radiodeck.clicks) from radiodeck.stations";
        assert_eq!(fixture.sql(counts).await, "3|3|t|3");
    });
}

#[test]
fn clicks_that_cannot_be_written_go_on_waiting_and_their_number_is_bounded() {
    run(async {
        let mut config = shared().await.config("radiodeck", "app");
        config.nodes[0].host = "/nowhere".into();
        let clicks = Clicks::new(Database::open(&config).expect("opens"));
        for number in 0..30_000 {
            clicks.add(uuid(number), visitor(1));
        }
        assert_eq!(clicks.waiting(), 20_000);
        let error = clicks.flush(Duration::from_millis(50)).await.expect_err("no primary");
        assert!(matches!(error, Error::NoPrimary), "{error}");
        assert_eq!(clicks.waiting(), 20_000);
    });
}
