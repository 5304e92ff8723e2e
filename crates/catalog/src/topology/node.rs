//! One node: its connections, and when they are dropped.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use super::book::Verdict;
use crate::NodeRole;
use crate::config::{DatabaseConfig, NodeConfig};
use crate::connect::{Purpose, options};
use crate::pool::Pool;

/// A query is ended by the server after the statement timeout; a server that has not answered by this
/// much later is silent.
const GRACE: Duration = Duration::from_secs(1);

/// Imports at once.
const IMPORTS: u32 = 2;

/// Connections of one life of a node: same process, same timeline.
pub(crate) struct Pools {
    pub(crate) read: Arc<Pool>,
    pub(crate) write: Arc<Pool>,
    pub(crate) import: Arc<Pool>,
    gone: CancellationToken,
    life: (i32, DateTime<Utc>),
}

impl Pools {
    /// What the node was on when they were made.
    pub(crate) fn timeline(&self) -> i32 {
        self.life.0
    }

    fn all(&self) -> [&Arc<Pool>; 3] {
        [&self.read, &self.write, &self.import]
    }
}

pub(crate) struct Node {
    pub(crate) name: String,
    pub(super) monitor: PgConnectOptions,
    config: DatabaseConfig,
    node: NodeConfig,
    password: String,
    pools: ArcSwapOption<Pools>,
}

impl Node {
    pub(super) fn new(config: &DatabaseConfig, node: &NodeConfig, password: &str) -> Self {
        Self {
            name: node.name.clone(),
            monitor: options(config, node, password, Purpose::Monitor),
            config: config.clone(),
            node: node.clone(),
            password: password.to_owned(),
            pools: ArcSwapOption::empty(),
        }
    }

    /// Its connections, while it is in use.
    pub(crate) fn pools(&self) -> Option<Arc<Pools>> {
        self.pools.load_full()
    }

    /// Connections in use.
    pub(super) fn connections(&self) -> u32 {
        self.pools()
            .map_or(0, |pools| pools.all().iter().map(|pool| pool.in_use()).sum())
    }

    /// Reads that wait for an answer.
    pub(crate) fn reads_in_flight(&self) -> u32 {
        self.pools.load().as_ref().map_or(0, |pools| pools.read.in_use())
    }

    /// Makes the connections fit the verdict. Called under the book's lock.
    pub(super) fn follow(&self, verdict: &Verdict) {
        let life = match (&verdict.sample, verdict.role) {
            (Some(sample), NodeRole::Primary | NodeRole::Replica) => Some((sample.timeline, sample.started)),
            _ => None,
        };
        let current = self.pools();
        if current.as_ref().map(|pools| pools.life) == life {
            return;
        }
        self.pools.store(life.map(|life| Arc::new(self.open(life))));
        if let Some(pools) = current {
            for pool in pools.all() {
                pool.retire();
            }
            // On a node that is given up nobody waits any longer; on one that lives on, queries may end.
            if life.is_none() {
                pools.gone.cancel();
            }
        }
    }

    fn open(&self, life: (i32, DateTime<Utc>)) -> Pools {
        let gone = CancellationToken::new();
        let size = self.config.max_connections_per_node;
        let configured = Duration::from_millis(self.config.statement_timeout_ms);
        let pool = |purpose: Purpose, size| {
            let options = options(&self.config, &self.node, &self.password, purpose);
            let answer = purpose.statement_timeout(configured) + GRACE;
            Pool::new(options, size, answer, gone.clone())
        };
        Pools {
            read: pool(Purpose::Read, size),
            write: pool(Purpose::Write, size.div_ceil(2)),
            import: pool(Purpose::Import, IMPORTS),
            gone,
            life,
        }
    }

    /// Closes connections that nobody needs.
    pub(super) fn trim(&self) {
        if let Some(pools) = self.pools() {
            for pool in pools.all() {
                pool.trim();
            }
        }
    }

    /// Takes no more queries and waits for those that run.
    pub(super) async fn drained(&self) {
        if let Some(pools) = self.pools.swap(None) {
            for pool in pools.all() {
                pool.retire();
                pool.drained().await;
            }
        }
    }
}
