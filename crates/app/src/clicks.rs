//! Has the clicks that were collected written several times a second, and the last ones when the server ends.

use std::sync::Arc;

use catalog::Clicks;
use tokio::sync::oneshot;
use tokio::time::{Duration, timeout};
use tracing::{debug, warn};

/// Between two batches.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long a batch waits for a primary before it is put back among the others.
const BUDGET: Duration = Duration::from_secs(5);
/// How long the end of the process waits for the last ones.
const LAST_BUDGET: Duration = Duration::from_secs(2);
/// What may be under way when the end comes, the last ones, and some time to spare.
const END_DEADLINE: Duration = Duration::from_secs(8);

/// Writes until it is told to end.
pub(crate) struct Writer {
    clicks: Arc<Clicks>,
    end: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Writer {
    pub(crate) fn start(clicks: Arc<Clicks>) -> Self {
        let (end, mut ended) = oneshot::channel();
        let collected = clicks.clone();
        let task = tokio::spawn(async move {
            while timeout(INTERVAL, &mut ended).await.is_err() {
                if let Err(error) = collected.flush(BUDGET).await {
                    debug!(%error, waiting = collected.waiting(), "clicks wait");
                }
            }
        });
        Self { clicks, end, task }
    }

    /// For when no request is answered any more.
    pub(crate) async fn end(self) {
        // It is gone only if the task is.
        let _ = self.end.send(());
        let work = async {
            let _ = self.task.await;
            self.clicks.flush(LAST_BUDGET).await
        };
        match timeout(END_DEADLINE, work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, lost = self.clicks.waiting(), "clicks are lost"),
            Err(_) => warn!("clicks are lost: they were still being written at the deadline"),
        }
    }
}
