//! Nodes fall silent, die and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use catalog::import::{Options, import};
use catalog::{Database, Error, Fault, Freshness, NodeRole, StationQuery, Visitor, VoteOutcome, migrate};
use serde_json::{Value, json};

use crate::support::{TestCluster, ndjson, run, shared, station, stations, until, uuid, within};

/// Waits until both replicas show, now and after a crash, all that the primary has written by now.
///
/// A lag of zero does not say so: it is as of the last sample of the primary, which may be older than its last write.
/// And one that crashed serves again from its last restart point on.
async fn settle(cluster: &TestCluster) {
    let sql = async |node: &str, sql: &str| {
        cluster
            .cluster
            .superuser_sql(node, "radiodeck", sql)
            .await
            .expect("SQL")
    };
    let written = sql("pg-1", "checkpoint; select pg_current_wal_flush_lsn()").await;
    for replica in ["pg-2", "pg-3"] {
        let replayed = format!("select pg_last_wal_replay_lsn() >= '{written}'");
        until("a replica has replayed it", async || {
            sql(replica, &replayed).await == "t"
        })
        .await;
        sql(replica, "checkpoint").await;
    }
}

/// A primary and two replicas with a thousand stations, all seen.
async fn ready() -> (TestCluster, Database) {
    let cluster = TestCluster::start(2).await;
    let owner = cluster.config("radiodeck", "owner");
    migrate::run(&owner, Duration::from_secs(30)).await.expect("migrates");
    let database = Database::open(&cluster.config("radiodeck", "app")).expect("opens");
    within("a primary is seen", database.writable()).await;
    let many: Vec<Value> = (1..=1_000)
        .map(|n| station(n, &format!("Station {n}"), &json!({})))
        .collect();
    let lines = ndjson(&many);
    import(&lines[..], &database, &Options::default(), |_| {})
        .await
        .expect("imports");
    settle(&cluster).await;
    until("both replicas are used", async || {
        database
            .nodes()
            .iter()
            .filter(|node| node.role == NodeRole::Replica)
            .count()
            == 2
    })
    .await;
    (cluster, database)
}

async fn roles(database: &Database, expected: [NodeRole; 3]) {
    let mut last = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while last != expected {
        assert!(
            Instant::now() < deadline,
            "{expected:?} expected: {:?}",
            database.nodes()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        last = database.nodes().into_iter().map(|node| node.role).collect();
    }
}

/// Reads without a pause on four tasks until told to stop.
struct Readers {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Readers {
    fn start(database: &Database) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let tasks = (0..4).map(|task| {
            let (database, stop, done) = (database.clone(), stop.clone(), done.clone());
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let outcome = match task {
                        // One of them reads lists that come in batches.
                        0 => stations(&database, &StationQuery::default())
                            .await
                            .map(|all| all.len() == 1_000),
                        _ => database
                            .read(Freshness::Bounded)
                            .station(uuid(7))
                            .await
                            .map(|station| station.is_some()),
                    };
                    match outcome {
                        Ok(true) => drop(done.fetch_add(1, Ordering::Relaxed)),
                        Ok(false) => failed.push("not all is there".into()),
                        Err(error) => failed.push(error.to_string()),
                    }
                }
                failed
            })
        });
        let tasks = tasks.collect();
        Self { stop, done, tasks }
    }

    /// Waits until so many more reads have succeeded.
    async fn go_on(&self, more: u64) {
        let target = self.done.load(Ordering::Relaxed) + more;
        until("reads go on", async || self.done.load(Ordering::Relaxed) >= target).await;
    }

    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut failed = Vec::new();
        for task in self.tasks {
            failed.extend(within("readers end", task).await.expect("no panic"));
        }
        failed
    }
}

#[test]
fn no_read_fails_while_replicas_and_the_primary_fall_silent_die_and_return() {
    run(async {
        let (nodes, database) = ready().await;
        let cluster = &nodes.cluster;
        let readers = Readers::start(&database);
        readers.go_on(50).await;

        // A replica that answers nothing, as when its machine is gone and packets vanish.
        cluster.freeze_node("pg-2").await.expect("freezes");
        roles(&database, [NodeRole::Primary, NodeRole::Down, NodeRole::Replica]).await;
        readers.go_on(50).await;
        cluster.thaw_node("pg-2").await.expect("thaws");
        roles(&database, [NodeRole::Primary, NodeRole::Replica, NodeRole::Replica]).await;

        // One that dies with a reset.
        cluster.kill_node("pg-3").await.expect("kills");
        roles(&database, [NodeRole::Primary, NodeRole::Replica, NodeRole::Down]).await;
        readers.go_on(50).await;
        // Both: the primary answers.
        cluster.kill_node("pg-2").await.expect("kills");
        roles(&database, [NodeRole::Primary, NodeRole::Down, NodeRole::Down]).await;
        readers.go_on(50).await;
        cluster.start_node("pg-2").await.expect("starts");
        cluster.start_node("pg-3").await.expect("starts");
        roles(&database, [NodeRole::Primary, NodeRole::Replica, NodeRole::Replica]).await;

        // Without a primary reads go on.
        cluster.freeze_node("pg-1").await.expect("freezes");
        roles(&database, [NodeRole::Down, NodeRole::Replica, NodeRole::Replica]).await;
        readers.go_on(50).await;
        cluster.thaw_node("pg-1").await.expect("thaws");
        roles(&database, [NodeRole::Primary, NodeRole::Replica, NodeRole::Replica]).await;
        let failed = readers.end().await;
        assert_eq!(failed, [""; 0]);
        within("every connection is given back", database.close()).await;
        nodes.cluster.stop().await;
    });
}

#[test]
fn a_list_goes_on_from_another_node_however_long_ago_it_began() {
    run(async {
        let (nodes, database) = ready().await;
        let more: Vec<Value> = (1_001..=6_000)
            .map(|n| station(n, &format!("Station {n}"), &json!({})))
            .collect();
        import(&ndjson(&more)[..], &database, &Options::default(), |_| {})
            .await
            .expect("imports");
        database.close().await;
        // Far less time for one page than what follows takes.
        let mut config = nodes.config("radiodeck", "app");
        config.statement_timeout_ms = 500;
        let database = Database::open(&config).expect("opens");
        roles(&database, [NodeRole::Primary, NodeRole::Replica, NodeRole::Replica]).await;
        settle(&nodes).await;
        let query = StationQuery {
            order: catalog::Order::Random,
            ..StationQuery::default()
        };
        let mut list = database
            .read(Freshness::Bounded)
            .stations(&query)
            .await
            .expect("a list");
        let mut found: Vec<u128> = Vec::new();
        let take = |found: &mut Vec<u128>, batch: Vec<catalog::Station>| {
            found.extend(batch.iter().map(|station| station.stationuuid.as_u128()));
        };
        take(&mut found, list.next().await.expect("a batch").expect("stations"));
        nodes.cluster.kill_node("pg-2").await.expect("kills");
        nodes.cluster.freeze_node("pg-3").await.expect("freezes");
        roles(&database, [NodeRole::Primary, NodeRole::Down, NodeRole::Down]).await;
        let began = Instant::now();
        until("time passes", async || began.elapsed() > Duration::from_millis(1_500)).await;
        while let Some(batch) = list.next().await {
            take(&mut found, batch.expect("goes on"));
        }
        found.sort_unstable();
        assert!(found == (1..=6_000).collect::<Vec<_>>(), "{} stations", found.len());
        nodes.cluster.thaw_node("pg-3").await.expect("thaws");
        nodes.cluster.stop().await;
    });
}

#[test]
fn writes_wait_for_a_primary_as_long_as_they_may_and_no_longer() {
    run(async {
        let (nodes, database) = ready().await;
        let cluster = &nodes.cluster;
        let vote = async |by: u8| {
            let write = database.write().within(Duration::from_secs(2));
            write
                .vote(uuid(1), Visitor([by; 16]))
                .await
                .map(|written| written.value)
        };
        assert_eq!(vote(1).await.expect("counts"), VoteOutcome::Counted { votes: 1 });

        // A write on its way to a primary that falls silent ends with its time, not with TCP's patience.
        cluster.freeze_node("pg-1").await.expect("freezes");
        let error = within("the write ends", vote(2)).await.expect_err("silent");
        assert_eq!(error.fault(), Fault::Unavailable, "{error}");
        roles(&database, [NodeRole::Down, NodeRole::Replica, NodeRole::Replica]).await;
        assert!(matches!(vote(2).await, Err(Error::NoPrimary)));
        cluster.thaw_node("pg-1").await.expect("thaws");
        within("a primary is seen", database.writable()).await;
        assert!(matches!(vote(3).await, Ok(VoteOutcome::Counted { .. })));

        cluster.stop_node("pg-1").await.expect("stops");
        roles(&database, [NodeRole::Down, NodeRole::Replica, NodeRole::Replica]).await;
        assert!(matches!(vote(4).await, Err(Error::NoPrimary)));
        // Whoever waits for a primary is served as soon as it is there.
        let write = database.write().within(Duration::from_secs(30));
        let (waiting, started) = tokio::join!(write.vote(uuid(1), Visitor([5; 16])), cluster.start_node("pg-1"));
        started.expect("starts");
        assert!(matches!(waiting.expect("counts").value, VoteOutcome::Counted { .. }));
        assert!(matches!(vote(4).await, Ok(VoteOutcome::Counted { .. })));
        nodes.cluster.stop().await;
    });
}

#[test]
fn a_promoted_replica_takes_the_writes_and_the_old_primary_is_not_used() {
    run(async {
        let (nodes, database) = ready().await;
        let promote = "select pg_promote()";
        nodes
            .cluster
            .superuser_sql("pg-2", "radiodeck", promote)
            .await
            .expect("promotes");
        until("the promoted one is the primary", async || {
            database.nodes()[1].role == NodeRole::Primary
        })
        .await;
        let old = &database.nodes()[0];
        assert_eq!(old.role, NodeRole::Down, "{old:?}");
        assert!(
            old.reason.as_deref().unwrap_or_default().contains("old timeline"),
            "{old:?}"
        );
        let write = database.write();
        assert_eq!(
            write.vote(uuid(1), Visitor([1; 16])).await.expect("counts").value,
            VoteOutcome::Counted { votes: 1 }
        );
        let on_new = nodes
            .cluster
            .superuser_sql("pg-2", "radiodeck", "select count(*) from radiodeck.votes")
            .await;
        assert_eq!(on_new.expect("SQL"), "1");
        nodes.cluster.stop().await;
    });
}

#[test]
fn a_node_of_another_cluster_serves_nothing() {
    run(async {
        let (nodes, database) = ready().await;
        database.close().await;
        let mut config = nodes.config("radiodeck", "app");
        let stranger = shared().await.config("radiodeck", "app").nodes.remove(0);
        config.nodes.insert(
            0,
            catalog::NodeConfig {
                name: "stranger".into(),
                ..stranger
            },
        );
        let database = Database::open(&config).expect("opens");
        until("all are judged", async || {
            database.nodes().iter().skip(1).all(|node| node.role != NodeRole::Down)
        })
        .await;
        let stranger = database.nodes().remove(0);
        assert_eq!(stranger.role, NodeRole::Down);
        assert!(
            stranger
                .reason
                .as_deref()
                .unwrap_or_default()
                .contains("another cluster"),
            "{stranger:?}"
        );
        for _ in 0..20 {
            assert!(
                database
                    .read(Freshness::Bounded)
                    .station(uuid(7))
                    .await
                    .expect("reads")
                    .is_some()
            );
        }
        nodes.cluster.stop().await;
    });
}

#[test]
fn a_wrong_password_and_a_wrong_database_are_named() {
    run(async {
        let good = shared().await.config("radiodeck", "app");
        let mut wrong_password = good.clone();
        wrong_password.password_file = shared().await.config("radiodeck", "owner").password_file;
        let mut wrong_database = good;
        wrong_database.name = "elsewhere".into();
        for (config, named) in [
            (wrong_password, "password authentication failed"),
            (wrong_database, "database \"elsewhere\" does not exist"),
        ] {
            let database = Database::open(&config).expect("opens all the same");
            until(named, async || {
                let node = database.nodes().remove(0);
                node.role == NodeRole::Down && node.reason.is_some_and(|reason| reason.contains(named))
            })
            .await;
        }
    });
}

#[test]
fn a_database_that_is_not_there_is_an_error_and_not_a_hang() {
    run(async {
        let mut config = shared().await.config("radiodeck", "app");
        config.nodes[0].host = "/nowhere".into();
        let database = Database::open(&config).expect("opens all the same");
        let error = within("the read ends", database.read(Freshness::Bounded).station(uuid(1)))
            .await
            .expect_err("nobody is there");
        assert!(matches!(error, Error::NoReader), "{error}");
        let write = database.write().within(Duration::from_millis(50));
        let error = write
            .vote(uuid(1), Visitor([1; 16]))
            .await
            .expect_err("nobody is there");
        assert!(matches!(error, Error::NoPrimary), "{error}");
        config.password_file = "/nowhere/file".into();
        let error = Database::open(&config).err().expect("no password");
        assert!(error.starts_with("password_file: /nowhere/file"), "{error}");
        config.nodes.clear();
        assert_eq!(Database::open(&config).err().as_deref(), Some("nodes: names no node"));
    });
}
