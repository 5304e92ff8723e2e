//! Takes a read to a node, and to another one when the first fails. Which nodes, and in which order, is [`choice`]'s to
//! say. Each node is asked at most twice for one read.
//!
//! A node that must have reached a position is asked for its own on the connection of the read, just before it: what was
//! seen of it is a hint only, since a replica that crashed begins further back than it was. Once more after it: a snapshot
//! may hold more than was asked for, and the session must not fall behind that.
//!
//! [`choice`]: crate::choice

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow};
use tokio::sync::SemaphorePermit;
use tokio::time::{sleep, timeout};

use crate::choice::{Candidate, Why, candidates};
use crate::database::Inner;
use crate::failure::Failure;
use crate::pool::{Lease, Statement};
use crate::topology::Pools;
use crate::{Error, Freshness, Position};

/// With no node in sight, one may be back in a moment: a restart is not yet an outage.
const WAIT_FOR_A_NODE: Duration = Duration::from_millis(500);
/// How long a session's read waits for its place on the primary.
const WAIT_FOR_THE_PRIMARY: Duration = Duration::from_millis(500);
/// Rounds over the nodes.
const ROUNDS: usize = 2;
/// Between two looks at a replica that is about to catch up.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

const REACHED: &str = "\
    select pg_is_in_recovery(), (case when pg_is_in_recovery() \
        then coalesce(pg_last_wal_replay_lsn(), '0/0') else pg_current_wal_flush_lsn() end - '0/0')::bigint";

/// What a read gave, and how far the node was by then where that was asked.
pub(crate) struct Answer {
    pub(crate) rows: Vec<PgRow>,
    pub(crate) seen: Option<Position>,
}

impl Inner {
    /// Runs a query on a node that is fresh enough.
    pub(crate) async fn fetch_all(&self, statement: &Statement, freshness: Freshness) -> Result<Answer, Error> {
        let deadline = Instant::now() + self.statement_timeout * 2;
        let (mut last, mut any_behind) = (None, false);
        'rounds: for _ in 0..ROUNDS {
            let (needed, order) = self.candidates(freshness).await;
            any_behind |= needed.is_some() && order.is_empty();
            for (index, why) in order {
                let node = &self.topology.nodes[index];
                // Given up since the view was made.
                let Some(pools) = node.pools() else { continue };
                match self.attempt(&pools, statement, why, needed).await {
                    Ok(Some(answer)) => {
                        self.metrics.read(&node.name, why.as_str());
                        return Ok(answer);
                    }
                    Ok(None) => any_behind = true,
                    Err(failure) if failure.blames_node() => {
                        tracing::debug!(node = node.name, ?failure, "read goes to another node");
                        self.metrics.fallback("retry");
                        last = Some(failure);
                    }
                    Err(failure) => {
                        self.metrics.read_failed();
                        return Err(failure.into_read_error());
                    }
                }
                if Instant::now() >= deadline {
                    break 'rounds;
                }
            }
        }
        self.metrics.read_failed();
        Err(match last {
            Some(failure) => failure.into_read_error(),
            None if any_behind => Error::Behind,
            None => Error::NoReader,
        })
    }

    /// `None` of a node that has not reached `needed` in time.
    async fn attempt(
        &self,
        pools: &Pools,
        statement: &Statement,
        why: Why,
        needed: Option<Position>,
    ) -> Result<Option<Answer>, Failure> {
        let Some(needed) = needed else {
            let rows = pools.read.lease().await?.fetch_all(statement).await?;
            return Ok(Some(Answer { rows, seen: None }));
        };
        let _place = match why {
            Why::Behind => Some(self.place_on_the_primary().await?),
            _ => None,
        };
        let mut lease = pools.read.lease().await?;
        if !catch_up(&mut lease, why, needed).await? {
            lease.give_back();
            return Ok(None);
        }
        let rows = lease.run(statement).await?;
        let (_, lsn) = reached(&mut lease).await?;
        lease.give_back();
        // On a replica the timeline may be a later one already: the numbers compare all the same.
        let (system, timeline) = (needed.system, needed.timeline.max(pools.timeline()));
        let seen = Position { system, timeline, lsn };
        Ok(Some(Answer {
            rows,
            seen: Some(needed.later(seen)),
        }))
    }

    /// Sessions whose replicas are behind must not take the whole primary.
    async fn place_on_the_primary(&self) -> Result<SemaphorePermit<'_>, Failure> {
        match timeout(WAIT_FOR_THE_PRIMARY, self.on_the_primary.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Failure::Gone),
            Err(_) => Err(Failure::Busy {
                waited: WAIT_FOR_THE_PRIMARY,
            }),
        }
    }

    /// The position to meet and who may, as soon as anybody may. Both are as of the same view.
    async fn candidates(&self, freshness: Freshness) -> (Option<Position>, Vec<Candidate>) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut changes = self.topology.changes();
        let look = || {
            let view = self.topology.view();
            let needed = freshness.needed(&view);
            let in_flight = |index: usize| self.topology.nodes[index].reads_in_flight();
            let order = candidates(&view, needed, turn, in_flight);
            if !order.is_empty() && view.fresh.is_empty() {
                self.metrics.fallback("no_replica");
            }
            (needed, order)
        };
        let some = async {
            loop {
                let found = look();
                if !found.1.is_empty() {
                    return found;
                }
                // The sender lives as long as the topology.
                let _ = changes.changed().await;
            }
        };
        timeout(WAIT_FOR_A_NODE, some).await.unwrap_or_else(|_| look())
    }
}

/// Waits until the node has reached `needed`, as long as `why` allows.
async fn catch_up(lease: &mut Lease, why: Why, needed: Position) -> Result<bool, Failure> {
    let deadline = Instant::now() + why.patience();
    loop {
        let (in_recovery, lsn) = reached(lease).await?;
        match why {
            // No longer the primary: what it replays now is not what we took it for.
            Why::Behind => return if in_recovery { Err(Failure::Gone) } else { Ok(true) },
            _ if lsn >= needed.lsn => return Ok(true),
            _ if Instant::now() >= deadline => return Ok(false),
            _ => sleep(LOOK_AGAIN).await,
        }
    }
}

/// Whether the node follows another one, and how far it is.
async fn reached(lease: &mut Lease) -> Result<(bool, i64), Failure> {
    let statement = Statement {
        sql: REACHED.to_owned(),
        arguments: PgArguments::default(),
    };
    let rows = lease.run(&statement).await?;
    let row = rows.first().ok_or(Failure::Query(sqlx::Error::RowNotFound))?;
    let read = || Ok((row.try_get(0)?, row.try_get(1)?));
    read().map_err(Failure::Query)
}
