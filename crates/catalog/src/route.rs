//! Takes a read to a node, and to another one when the first fails.
//!
//! Replicas that keep up come first, the least busy in turn; then the primary; then replicas that are late, because old
//! stations are better than none. Each node is asked at most twice for one read.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::postgres::PgRow;
use tokio::time::timeout;

use crate::Error;
use crate::database::Inner;
use crate::failure::Failure;
use crate::pool::Statement;
use crate::topology::{Pools, View};

/// With no node in sight, one may be back in a moment: a restart is not yet an outage.
const WAIT_FOR_A_NODE: Duration = Duration::from_millis(500);
/// Rounds over the nodes.
const ROUNDS: usize = 2;

/// Nodes to ask, best first. A replica that has just stopped answering collects reads that wait for it: it is
/// passed over long before it is given up.
fn candidates(view: &View, turn: usize, in_flight: impl Fn(usize) -> u32) -> Vec<usize> {
    let mut order = view.fresh.clone();
    if !order.is_empty() {
        let by = turn % order.len();
        order.rotate_left(by);
        order.sort_by_key(|index| in_flight(*index));
    }
    order.extend(view.primary);
    order.extend(&view.late);
    order
}

impl Inner {
    /// Runs a query on whichever node answers.
    pub(crate) async fn fetch_all(&self, statement: &Statement) -> Result<Vec<PgRow>, Error> {
        self.anywhere(|pools| async move { pools.read.lease().await?.fetch_all(statement).await })
            .await
    }

    /// Makes `attempt` on one node after another, until one succeeds or fails through no fault of its node.
    async fn anywhere<T, F>(&self, attempt: impl Fn(Arc<Pools>) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let deadline = Instant::now() + self.statement_timeout * 2;
        let mut last = None;
        'rounds: for _ in 0..ROUNDS {
            for index in self.candidates().await {
                let node = &self.topology.nodes[index];
                // Given up since the view was made.
                let Some(pools) = node.pools() else { continue };
                match attempt(pools).await {
                    Ok(value) => {
                        self.metrics.read(&node.name);
                        return Ok(value);
                    }
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
        Err(last.map_or(Error::NoReader, Failure::into_read_error))
    }

    async fn candidates(&self) -> Vec<usize> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut changes = self.topology.changes();
        let some = async {
            loop {
                let view = self.topology.view();
                let order = candidates(&view, turn, |index| self.topology.nodes[index].reads_in_flight());
                if !order.is_empty() {
                    if view.fresh.is_empty() {
                        self.metrics.fallback("no_replica");
                    }
                    return order;
                }
                // The sender lives as long as the topology.
                let _ = changes.changed().await;
            }
        };
        timeout(WAIT_FOR_A_NODE, some).await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_take_turns_and_the_primary_comes_after_them() {
        let view = View {
            primary: Some(0),
            fresh: vec![1, 2],
            late: vec![3],
            ..View::default()
        };
        assert_eq!(candidates(&view, 0, |_| 0), [1, 2, 0, 3]);
        assert_eq!(candidates(&view, 1, |_| 0), [2, 1, 0, 3]);
        assert_eq!(
            candidates(&view, 1, |node| node as u32),
            [1, 2, 0, 3],
            "the less busy one first"
        );
        assert_eq!(candidates(&View::default(), 7, |_| 0), [0; 0]);
    }
}
