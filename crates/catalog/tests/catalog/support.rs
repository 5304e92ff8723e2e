//! A migrated database for each test, and ways to fill and ask it.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use catalog::import::{Options, Report, import};
use catalog::{Database, DatabaseConfig, Error, Freshness, NodeConfig, Station, StationQuery, migrate};
use postgres::{Cluster, ClusterConfig, Passwords};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use uuid::Uuid;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static CLUSTER: OnceCell<TestCluster> = OnceCell::const_new();

/// Runs a test on the runtime that the shared cluster lives on.
pub(crate) fn run(test: impl Future<Output = ()>) {
    RUNTIME.block_on(test);
}

/// A cluster and the files that configurations point to.
pub(crate) struct TestCluster {
    pub(crate) cluster: Cluster,
    folder: PathBuf,
}

impl TestCluster {
    pub(crate) async fn start(replicas: u8) -> Self {
        // The process removes it at its end, whatever that is.
        let folder = tempfile::Builder::new()
            .prefix("rd-")
            .tempdir()
            .expect("a folder")
            .keep();
        let passwords = Passwords {
            owner: "owner".into(),
            app: "app".into(),
            replication: "replication".into(),
        };
        let config = ClusterConfig::throw_away(&folder, replicas, passwords);
        let cluster = Cluster::start(config).await.expect("a cluster");
        for role in ["owner", "app"] {
            std::fs::write(folder.join(role), role).expect("a password file");
        }
        Self { cluster, folder }
    }

    /// How `role` (owner or app) connects.
    pub(crate) fn config(&self, database: &str, role: &str) -> DatabaseConfig {
        let nodes = self.cluster.nodes().into_iter().map(|node| NodeConfig {
            name: node.name,
            host: node.host,
            port: node.port,
        });
        DatabaseConfig {
            name: database.to_owned(),
            user: format!("radiodeck_{role}"),
            password_file: self.folder.join(role),
            nodes: nodes.collect(),
            max_connections_per_node: 10,
            statement_timeout_ms: 5_000,
        }
    }
}

/// The cluster that tests share.
pub(crate) async fn shared() -> &'static TestCluster {
    CLUSTER.get_or_init(|| TestCluster::start(0)).await
}

/// A database of the shared cluster that nobody has touched.
pub(crate) async fn empty() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    shared().await.cluster.create_database(&name).await.expect("a database");
    name
}

/// A migrated database.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) database: Database,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let (shared, name) = (shared().await, empty().await);
        let owner = shared.config(&name, "owner");
        migrate::run(&owner, Duration::from_secs(20)).await.expect("migrates");
        let database = Database::open(&shared.config(&name, "app")).expect("opens");
        within("a primary is seen", database.writable()).await;
        Self { name, database }
    }

    /// With these stations.
    pub(crate) async fn with(stations: &[Value]) -> Self {
        let fixture = Self::new().await;
        let report = fixture.import(&ndjson(stations)).await;
        assert_eq!(report.bad_rows, [], "{report:?}");
        fixture
    }

    pub(crate) async fn import(&self, bytes: &[u8]) -> Report {
        let outcome = import(bytes, &self.database, &Options::default(), |_| {}).await;
        outcome.expect("imports")
    }

    /// SQL as the superuser.
    pub(crate) async fn sql(&self, sql: &str) -> String {
        let answer = shared().await.cluster.superuser_sql("pg-1", &self.name, sql).await;
        answer.expect("SQL")
    }

    pub(crate) async fn list(&self, query: &StationQuery) -> Vec<Station> {
        stations(&self.database, query).await.expect("stations")
    }

    /// Names of the stations that `query` finds.
    pub(crate) async fn names(&self, query: &StationQuery) -> Vec<String> {
        self.list(query).await.into_iter().map(|station| station.name).collect()
    }
}

/// Every batch in one list.
pub(crate) async fn stations(database: &Database, query: &StationQuery) -> Result<Vec<Station>, Error> {
    let mut batches = database.read(Freshness::Bounded).stations(query).await?;
    let mut all = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        assert!((1..=500).contains(&batch.len()), "a batch of {}", batch.len());
        all.extend(batch);
    }
    Ok(all)
}

/// A station for an import: name, number (its identity) and whatever else.
pub(crate) fn station(number: u128, name: &str, more: &Value) -> Value {
    let mut station = json!({
        "stationuuid": uuid(number), "name": name, "url": format!("http://radio.test/{number}"),
    });
    for (field, value) in more.as_object().expect("an object") {
        station[field] = value.clone();
    }
    station
}

pub(crate) fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn ndjson(stations: &[Value]) -> Vec<u8> {
    stations
        .iter()
        .flat_map(|station| format!("{station}\n").into_bytes())
        .collect()
}

/// Fails the test if `work` takes longer than half a minute.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(30), work).await {
        Ok(value) => value,
        Err(_) => panic!("not within 30 s: {what}"),
    }
}

/// Polls until it holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The real stations, if this machine has them.
pub(crate) fn real_stations() -> Option<PathBuf> {
    let path = std::env::var_os("RADIODECK_STATIONS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/stations.ndjson.gz"),
        PathBuf::from,
    );
    if path.is_file() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: the real stations are not at {} (set RADIODECK_STATIONS)",
        path.display()
    );
    None
}
