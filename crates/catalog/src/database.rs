//! The database as the rest of the program sees it: every node, watched, behind one handle.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus_client::registry::Registry;
use sqlx::postgres::PgRow;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::connect::password;
use crate::metrics::Metrics;
use crate::pool::Statement;
use crate::topology::Topology;
use crate::{DatabaseConfig, Error, Freshness, Read, Write, retry};

/// How long [`Database::close`] waits for queries that run.
const CLOSE_DEADLINE: Duration = Duration::from_secs(3);

/// What a node was last seen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeRole {
    /// Takes writes.
    Primary,
    /// Follows the primary.
    Replica,
    /// Does not answer, or must not be used.
    Down,
}

impl NodeRole {
    /// In lower case, for labels and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Down => "down",
        }
    }
}

/// A node for `/status`.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeStatus {
    /// Its configured name.
    pub name: String,
    /// What it was last seen to be.
    pub role: NodeRole,
    /// System identifier of its cluster, when it answered.
    pub system: Option<i64>,
    /// Timeline, when it answered.
    pub timeline: Option<i32>,
    /// Bytes of WAL, when it answered: flushed on a primary, replayed on a replica.
    pub lsn: Option<i64>,
    /// When its server started, when it answered.
    pub started: Option<DateTime<Utc>>,
    /// How old what it shows is at most, milliseconds, on replicas of which that is known.
    pub lag_ms: Option<u64>,
    /// Why it is down.
    pub reason: Option<String>,
}

/// Every Postgres node, watched. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) topology: Arc<Topology>,
    pub(crate) metrics: Arc<Metrics>,
    /// Whose turn it is among the replicas.
    pub(crate) turn: AtomicUsize,
    pub(crate) statement_timeout: Duration,
    /// Room for writes that wait for another attempt.
    pub(crate) waiting: Semaphore,
    /// Places on the primary for reads whose position no replica has reached: half of its connections for reads.
    pub(crate) on_the_primary: Semaphore,
    stop: CancellationToken,
    /// Ends the monitors with the last handle.
    _guard: DropGuard,
}

impl Database {
    /// Reads the password file and begins to watch the nodes (needs a tokio runtime). Does not wait for
    /// them: a database that is down makes queries fail, not the start.
    ///
    /// # Errors
    /// A text naming the key, when the password file cannot be read or a node is configured wrongly.
    pub fn open(config: &DatabaseConfig) -> Result<Self, String> {
        config.check()?;
        let password = password(config)?;
        let (stop, metrics) = (CancellationToken::new(), Arc::new(Metrics::default()));
        let inner = Inner {
            topology: Topology::start(config, &password, metrics.clone(), &stop),
            metrics,
            turn: AtomicUsize::new(0),
            statement_timeout: Duration::from_millis(config.statement_timeout_ms),
            waiting: Semaphore::new(retry::WAITING),
            on_the_primary: Semaphore::new(config.max_connections_per_node.div_ceil(2) as usize),
            _guard: stop.clone().drop_guard(),
            stop,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Adds the metrics `database_*` to a registry.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.inner.metrics.register(registry);
    }

    /// Resolves when any node could be used for the first time. To answer is not enough: which cluster is
    /// ours may be open until the others were asked.
    pub async fn seen(&self) {
        self.inner.topology.seen().await;
    }

    /// Resolves when a primary is there. Give it a deadline.
    pub async fn writable(&self) {
        let mut changes = self.inner.topology.changes();
        while self.inner.topology.view().primary.is_none() {
            // The sender lives as long as the topology.
            let _ = changes.changed().await;
        }
    }

    /// Reads, from a replica where one is fresh enough.
    #[must_use]
    pub fn read(&self, freshness: Freshness) -> Read {
        Read::new(self.inner.clone(), freshness)
    }

    /// Writes, on the primary. Where none is there, writes wait for one as long as they may
    /// ([`Write::within`]).
    #[must_use]
    pub fn write(&self) -> Write {
        Write::new(self.inner.clone())
    }

    /// Runs a statement that is a transaction by itself, with the patience of an import and once.
    pub(crate) async fn bulk(&self, statement: &Statement) -> Result<Vec<PgRow>, Error> {
        self.inner.run_once(|pools| pools.import.clone(), statement).await
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Every node as last seen.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.inner.topology.statuses()
    }

    /// Closes every connection, waiting for queries in flight until its own deadline of a few seconds.
    pub async fn close(&self) {
        self.inner.stop.cancel();
        if timeout(CLOSE_DEADLINE, self.inner.topology.drained()).await.is_err() {
            tracing::warn!("queries were still running when the database was closed");
        }
    }
}
