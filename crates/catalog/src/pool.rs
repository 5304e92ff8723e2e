//! Connections to one node for one purpose.
//!
//! Ours instead of sqlx's, for three reasons. A connection goes back only after a query that came to its end; in
//! every other case it is dropped with its permit, so a node that dies silently costs nothing for long. Going
//! back takes no round trip. And everything that waits here stops at once when the node is given up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::connect::CONNECT_DEADLINE;
use crate::failure::{Failure, connection_survives};

/// How long a query waits for a free connection.
const ACQUIRE_DEADLINE: Duration = Duration::from_millis(500);
/// A connection that nobody needed for this long is closed.
const IDLE_BOUND: Duration = Duration::from_secs(300);
/// A connection idle for this long is asked for a sign of life before a write is trusted to it.
const DOUBT_AFTER: Duration = Duration::from_secs(1);

/// SQL and what is bound to it; can be run on several nodes in turn.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) arguments: PgArguments,
}

struct Idle {
    connection: PgConnection,
    since: Instant,
}

/// A bounded set of connections, opened when needed.
pub(crate) struct Pool {
    options: PgConnectOptions,
    permits: Arc<Semaphore>,
    size: u32,
    idle: Mutex<Vec<Idle>>,
    /// No connection comes back any more.
    retired: AtomicBool,
    /// Whoever waits for the node stops.
    gone: CancellationToken,
    /// How long a query may take before the node counts as silent.
    answer_deadline: Duration,
}

impl Pool {
    pub(crate) fn new(
        options: PgConnectOptions,
        size: u32,
        answer_deadline: Duration,
        gone: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            options,
            permits: Arc::new(Semaphore::new(size as usize)),
            size,
            idle: Mutex::new(Vec::new()),
            retired: AtomicBool::new(false),
            gone,
            answer_deadline,
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        // Nothing in the lock's sections can panic half way.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections in use.
    pub(crate) fn in_use(&self) -> u32 {
        self.size.saturating_sub(self.permits.available_permits() as u32)
    }

    /// Closes what has been idle for long.
    pub(crate) fn trim(&self) {
        let old: Vec<Idle> = self
            .idle()
            .extract_if(.., |idle| idle.since.elapsed() > IDLE_BOUND)
            .collect();
        drop(old);
    }

    /// Queries that run go on; nothing is kept after them.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    /// Resolves when no connection is in use.
    pub(crate) async fn drained(&self) {
        // An error would mean that the semaphore was closed, which never happens.
        let _ = self.permits.acquire_many(self.size).await;
    }

    /// A connection, free or new.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease, Failure> {
        let open = async {
            let permit = match timeout(ACQUIRE_DEADLINE, self.permits.clone().acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) => return Err(Failure::Gone),
                Err(_) => {
                    return Err(Failure::Busy {
                        waited: ACQUIRE_DEADLINE,
                    });
                }
            };
            let idle = self.idle().pop();
            let (connection, since) = match idle {
                Some(idle) => (idle.connection, Some(idle.since)),
                None => (connect(&self.options).await?, None),
            };
            Ok(Lease {
                connection,
                idle_since: since,
                pool: self.clone(),
                _permit: permit,
            })
        };
        self.unless_gone(open).await
    }

    /// A connection that is known to live. For writes, which cannot be repeated blindly.
    pub(crate) async fn lease_alive(self: &Arc<Self>) -> Result<Lease, Failure> {
        loop {
            let mut lease = self.lease().await?;
            if lease.idle_since.is_none_or(|since| since.elapsed() < DOUBT_AFTER) {
                return Ok(lease);
            }
            let ping = async { Ok(timeout(CONNECT_DEADLINE, lease.connection.ping()).await) };
            if let Ok(Ok(())) = self.unless_gone(ping).await? {
                return Ok(lease);
            }
            // Dropped; each turn takes one off the idle ones, so the end is a new connection.
        }
    }

    /// The answer to a query, within its deadline.
    async fn answer<T>(&self, query: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
        let work = async {
            timeout(self.answer_deadline, query).await.map_err(|_| Failure::Silent {
                waited: self.answer_deadline,
            })
        };
        self.unless_gone(work).await?.map_err(Failure::Query)
    }

    async fn unless_gone<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = self.gone.cancelled() => Err(Failure::Gone),
        }
    }
}

/// Opens a connection within its deadline.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Failure> {
    match timeout(CONNECT_DEADLINE, options.connect()).await {
        Ok(connection) => connection.map_err(Failure::Connect),
        Err(_) => Err(Failure::Silent {
            waited: CONNECT_DEADLINE,
        }),
    }
}

/// A connection on loan. Dropping it closes the connection; only a query that came to its end gives it back.
pub(crate) struct Lease {
    connection: PgConnection,
    idle_since: Option<Instant>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Runs a query to its end, which gives the connection back.
    pub(crate) async fn fetch_all(mut self, statement: &Statement) -> Result<Vec<PgRow>, Failure> {
        let outcome = self.run(statement).await;
        let survives = match &outcome {
            Ok(_) => true,
            Err(Failure::Query(error)) => connection_survives(error),
            Err(_) => false,
        };
        if survives {
            self.give_back();
        }
        outcome
    }

    /// Runs a query to its end and keeps the connection, for what belongs to the same transaction.
    pub(crate) async fn run(&mut self, statement: &Statement) -> Result<Vec<PgRow>, Failure> {
        let query = sqlx::query_with(&statement.sql, statement.arguments.clone());
        self.pool.answer(query.fetch_all(&mut self.connection)).await
    }

    /// Only where no transaction is open.
    pub(crate) fn give_back(self) {
        if !self.pool.retired.load(Ordering::Relaxed) {
            let since = Instant::now();
            let connection = self.connection;
            self.pool.idle().push(Idle { connection, since });
        }
    }
}
