//! The database of the stack: a primary and two replicas, kept running.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postgres::{Cluster, ClusterConfig, Node, Passwords};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Error;
use super::backoff::Backoff;
use super::book::Book;
use super::layout::Layout;
use super::output::Output;
use super::state::NodeState;

/// Replicas beside the primary.
const REPLICAS: u8 = 2;

/// A running cluster and whoever looks after it.
#[derive(Debug)]
pub(crate) struct Database {
    cluster: Arc<Cluster>,
    keeper: JoinHandle<()>,
}

impl Database {
    /// Starts the cluster in the data folder, making it on first start.
    pub(super) async fn start(layout: &Layout, book: &Arc<Book>, output: &Output) -> Result<Self, Error> {
        let config = ClusterConfig::new(layout.postgres(), REPLICAS, passwords(layout)?);
        let cluster = Arc::new(Cluster::start(config).await?);
        let keeper = tokio::spawn(keep_running(cluster.clone(), book.clone(), output.clone()));
        Ok(Self { cluster, keeper })
    }

    /// Where the nodes are.
    pub(super) fn nodes(&self) -> Vec<Node> {
        self.cluster.nodes()
    }

    /// The nodes for the state file.
    pub(super) fn states(&self) -> Vec<NodeState> {
        states(&self.cluster)
    }

    /// For drills: nodes stopped through it stay down until started through it.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Stops every node in good order.
    pub(super) async fn stop(self) {
        self.keeper.abort();
        let _ = self.keeper.await;
        // The keeper held the only other handle.
        if let Some(cluster) = Arc::into_inner(self.cluster) {
            cluster.stop().await;
        }
    }
}

fn passwords(layout: &Layout) -> Result<Passwords, Error> {
    let read = |name: &str| {
        let path = layout.secrets().join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().next().unwrap_or_default().to_owned()),
            Err(source) => Err(Error::Folder { path, source }),
        }
    };
    Ok(Passwords {
        owner: read("owner/owner_password")?,
        app: read("app/app_password")?,
        replication: read("db/replication_password")?,
    })
}

async fn keep_running(cluster: Arc<Cluster>, book: Arc<Book>, output: Output) {
    let mut backoff = Backoff::default();
    loop {
        let watched = Instant::now();
        let name = cluster.died().await;
        let wait = backoff.after(watched.elapsed());
        output.say(
            "up",
            &format!("{name} ended; starting it again in {} ms", wait.as_millis()),
        );
        book.amend(|state| state.postgres = states(&cluster));
        sleep(wait).await;
        while let Err(error) = cluster.start_node(&name).await {
            output.say("up", &format!("{name} does not start: {error}"));
            sleep(Duration::from_secs(5)).await;
        }
        output.say("up", &format!("{name} runs again"));
        book.amend(|state| state.postgres = states(&cluster));
    }
}

fn states(cluster: &Cluster) -> Vec<NodeState> {
    cluster
        .nodes()
        .into_iter()
        .map(|node| NodeState {
            pid: node_pid(&node.host, node.port),
            name: node.name,
            host: node.host,
            port: node.port,
        })
        .collect()
}

/// Process of the node at a socket. Postgres writes it into the first line of the socket's lock file.
pub(crate) fn node_pid(host: &str, port: u16) -> Option<u32> {
    let lock = format!("{host}/.s.PGSQL.{port}.lock");
    std::fs::read_to_string(lock).ok()?.lines().next()?.trim().parse().ok()
}
