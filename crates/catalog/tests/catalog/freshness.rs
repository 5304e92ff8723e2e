//! Readers see their own writes, with replicas that are two seconds behind.

use std::time::{Duration, Instant};

use catalog::import::{Options, import};
use catalog::{Database, Error, Fault, Freshness, NodeRole, Position, Visitor, VoteOutcome, migrate};
use serde_json::json;

use crate::support::{TestCluster, ndjson, run, station, until, uuid, within};

const REPLICAS: [&str; 2] = ["pg-2", "pg-3"];

/// How far behind replicas replay; they receive all at once.
async fn delay_replicas(cluster: &TestCluster, delay: &str) {
    for replica in REPLICAS {
        for sql in [
            &format!("alter system set recovery_min_apply_delay = '{delay}'"),
            "select pg_reload_conf()",
        ] {
            let done = cluster.cluster.superuser_sql(replica, "radiodeck", sql).await;
            done.expect("the superuser may");
        }
    }
}

/// A primary with one station, and two replicas that are used and have it, before they begin to lag.
async fn ready(delay: &str) -> (TestCluster, Database) {
    let cluster = TestCluster::start(2).await;
    let owner = cluster.config("radiodeck", "owner");
    migrate::run(&owner, Duration::from_secs(30)).await.expect("migrates");
    let database = Database::open(&cluster.config("radiodeck", "app")).expect("opens");
    within("a primary is seen", database.writable()).await;
    let lines = ndjson(&[station(1, "A", &json!({}))]);
    import(&lines[..], &database, &Options::default(), |_| {})
        .await
        .expect("imports");
    until("both replicas are used and have the station", async || {
        for replica in REPLICAS {
            let sql = "select count(*) from radiodeck.stations";
            let count = cluster.cluster.superuser_sql(replica, "radiodeck", sql).await;
            if count.ok().as_deref() != Some("1") {
                return false;
            }
        }
        let nodes = database.nodes();
        nodes.iter().filter(|node| node.role == NodeRole::Replica).count() == 2
    })
    .await;
    delay_replicas(&cluster, delay).await;
    (cluster, database)
}

async fn vote(database: &Database, by: u8) -> (i32, Position) {
    let write = database.write();
    let written = write.vote(uuid(1), Visitor([by; 16])).await.expect("counts");
    match written.value {
        VoteOutcome::Counted { votes } => (votes, written.position),
        other => panic!("{other:?}"),
    }
}

/// The votes that a read sees, and what it has seen by then.
async fn votes(database: &Database, freshness: Freshness) -> Result<(i32, Option<Position>), Error> {
    let read = database.read(freshness);
    let station = read.station(uuid(1)).await?.expect("it is known");
    Ok((station.votes, read.seen()))
}

#[test]
fn a_session_reads_its_own_writes_and_never_goes_backwards_while_replicas_lag() {
    run(async {
        let (nodes, database) = ready("2s").await;
        let (mut stale, mut last) = (0, None);
        for by in 1..=10 {
            let (expected, position) = vote(&database, by).await;
            let (without, _) = votes(&database, Freshness::Bounded).await.expect("reads");
            stale += u32::from(without < expected);
            let mut token = position;
            for _ in 0..3 {
                let (seen, at) = votes(&database, Freshness::AtLeast(token)).await.expect("reads");
                assert!(seen >= expected, "{seen} votes after the {expected}th");
                assert!(last.is_none_or(|last| seen >= last), "{seen} after {last:?}");
                last = Some(seen);
                token = at.expect("a session learns what it has seen");
                assert_eq!(token.later(position), token, "{token:?} {position:?}");
            }
        }
        assert!(
            stale > 0,
            "without a position all reads were fresh: this test could not have failed"
        );

        // A position of another cluster is met by the newest that there is.
        let (expected, _) = vote(&database, 11).await;
        let foreign = Position {
            system: 1,
            timeline: 99,
            lsn: i64::MAX,
        };
        until("the primary's position is known", async || {
            let (seen, at) = votes(&database, Freshness::AtLeast(foreign)).await.expect("no error");
            assert_ne!(at.expect("a position").system, 1, "it is replaced");
            seen == expected
        })
        .await;
        nodes.cluster.stop().await;
    });
}

#[test]
fn without_a_primary_a_session_waits_for_a_replica_that_has_its_write_or_is_told_so() {
    run(async {
        let (nodes, database) = ready("1h").await;
        let (expected, position) = vote(&database, 1).await;
        let flushed = nodes
            .cluster
            .superuser_sql("pg-1", "radiodeck", "select pg_current_wal_flush_lsn()")
            .await
            .expect("SQL");
        for replica in REPLICAS {
            until("the replica has received it", async || {
                let sql = format!("select pg_last_wal_receive_lsn() >= '{flushed}'");
                nodes
                    .cluster
                    .superuser_sql(replica, "radiodeck", &sql)
                    .await
                    .ok()
                    .as_deref()
                    == Some("t")
            })
            .await;
        }
        nodes.cluster.kill_node("pg-1").await.expect("kills");
        until("it is given up", async || database.nodes()[0].role == NodeRole::Down).await;

        let refused = votes(&database, Freshness::AtLeast(position))
            .await
            .expect_err("nobody has it");
        assert!(matches!(refused, Error::Behind), "{refused}");
        assert_eq!(refused.fault(), Fault::Unavailable);
        let (old, _) = votes(&database, Freshness::Bounded)
            .await
            .expect("reads go on without one");
        assert_eq!(old, 0);
        let (newest, _) = votes(&database, Freshness::Newest).await.expect("as new as there is");
        assert_eq!(newest, 0);

        delay_replicas(&nodes, "0").await;
        let began = Instant::now();
        loop {
            match votes(&database, Freshness::AtLeast(position)).await {
                Ok((seen, _)) => break assert_eq!(seen, expected),
                Err(error) => assert!(matches!(error, Error::Behind), "{error}"),
            }
            assert!(began.elapsed() < Duration::from_secs(30), "no replica catches up");
        }
        nodes.cluster.stop().await;
    });
}
