//! Has the catalogue tidied once a minute: clicks grow old, and old votes,
//! clicks and idempotency keys are deleted. Every app server does it, since none is special; that
//! several do costs next to nothing.

use ::service::Shutdown;
use catalog::Database;
use tokio::time::{Duration, sleep};
use tracing::debug;

const INTERVAL: Duration = Duration::from_secs(60);

/// Runs until the shutdown begins.
pub(crate) async fn run(database: Database, shutdown: Shutdown) {
    let work = async {
        loop {
            sleep(INTERVAL).await;
            // Without a primary it waits for the next minute.
            match database.write().tidy().await {
                Ok(tidied) => debug!(?tidied, "tidied"),
                Err(error) => debug!(%error, "not tidied"),
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = shutdown.begun() => {}
    }
}
