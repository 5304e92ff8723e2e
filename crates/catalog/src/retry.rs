//! Takes a transaction to the primary until it is done, across failovers.
//!
//! | what happened | tried again |
//! |---|---|
//! | no primary, no connection, or the primary said that it cannot now (starting, full, read-only, a deadlock) | yes |
//! | the connection was lost before COMMIT was sent | yes: nothing took place |
//! | it was lost after COMMIT was sent | yes, because every transaction that comes here changes nothing when it runs twice: it holds an idempotency key, or rows that are there already |
//! | a constraint, a bad value, a statement that takes too long | never |
//!
//! What is left when the time is up is [`Error::Unknown`] if any attempt was lost after its COMMIT, whatever came after it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::Error;
use crate::database::Inner;
use crate::failure::Failure;
use crate::topology::Pools;
use crate::transaction::{CommitSent, Transaction};

/// How long a write goes on trying, unless told otherwise.
pub(crate) const BUDGET: Duration = Duration::from_secs(10);
/// Writes that may wait for another attempt at once. A failover must not collect every request there is: beyond this
/// they fail at once.
pub(crate) const WAITING: usize = 256;
/// Longest pause before the second attempt, doubled with each one up to the last. Each is shortened by chance, down to
/// the first, so that those who failed together do not come back together.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_millis(800);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// One go at a transaction.
pub(crate) struct Attempt {
    primary: Arc<Pools>,
    commit_sent: CommitSent,
}

impl Attempt {
    pub(crate) async fn begin(&self) -> Result<Transaction, Failure> {
        Transaction::begin(&self.primary.write, self.commit_sent.clone()).await
    }
}

/// Runs `work`, which must change nothing when it runs twice, until it succeeds or `budget` is spent.
pub(crate) async fn until_done<T, F>(
    inner: Arc<Inner>,
    budget: Duration,
    work: impl Fn(Attempt) -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Failure>>,
{
    let outcome = attempts(&inner, budget, work).await;
    inner.metrics.write(match &outcome {
        Ok(_) => "done",
        Err(Error::NoPrimary) => "no_primary",
        Err(Error::Unknown { .. }) => "unknown",
        Err(_) => "failed",
    });
    outcome
}

async fn attempts<T, F>(inner: &Inner, budget: Duration, work: impl Fn(Attempt) -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Failure>>,
{
    let deadline = Instant::now() + budget;
    let mut in_doubt = false;
    let mut pause = FIRST_PAUSE;
    loop {
        let primary = inner.primary();
        let failure = match &primary {
            Some(primary) => {
                let commit_sent = CommitSent::default();
                let attempt = Attempt {
                    primary: primary.clone(),
                    commit_sent: commit_sent.clone(),
                };
                let failure = match timeout_at(deadline, work(attempt)).await {
                    Ok(Ok(value)) => return Ok(value),
                    Ok(Err(failure)) => failure,
                    Err(_) => Failure::Silent { waited: budget },
                };
                in_doubt |= commit_sent.load(Ordering::Relaxed) && !failure.rolled_back();
                failure
            }
            None => Failure::Gone,
        };
        tracing::debug!(?failure, in_doubt, "a write did not come to its end");
        let failure = match failure {
            Failure::Refused(error) => return Err(error),
            other => other,
        };
        if !(failure.is_passing() || in_doubt) || !inner.wait_to_try_again(primary.as_ref(), pause, deadline).await {
            return Err(match in_doubt {
                true => Error::Unknown {
                    waited_ms: budget.as_millis() as u64,
                },
                false => failure.not_applied(),
            });
        }
        inner.metrics.write("retried");
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

impl Inner {
    /// Connections to the primary, while one is there.
    pub(crate) fn primary(&self) -> Option<Arc<Pools>> {
        let index = self.topology.view().primary?;
        self.topology.nodes[index].pools()
    }

    /// Waits for a pause, or until the primary is another one than `failed`. Gives whether there is time and room for
    /// another attempt.
    async fn wait_to_try_again(&self, failed: Option<&Arc<Pools>>, pause: Duration, deadline: Instant) -> bool {
        let Ok(_room) = self.waiting.try_acquire() else {
            return false;
        };
        let mut changes = self.topology.changes();
        let another_primary = async {
            loop {
                match (self.primary(), failed) {
                    (Some(now), Some(failed)) if Arc::ptr_eq(&now, failed) => {}
                    (Some(_), _) => return,
                    (None, _) => {}
                }
                // The sender lives as long as the topology.
                let _ = changes.changed().await;
            }
        };
        match failed {
            None => timeout_at(deadline, another_primary).await.is_ok(),
            Some(_) => {
                let pause = rand::random_range(SHORTEST_PAUSE..=pause);
                // Either will do.
                let _ = timeout_at(deadline.min(Instant::now() + pause), another_primary).await;
                Instant::now() < deadline
            }
        }
    }
}
