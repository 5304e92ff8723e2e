//! Reloading on SIGHUP: read aside, swap, say what came of it.

use std::sync::Arc;

use tokio::signal::unix::Signal;
use tracing::{error, info};

use crate::generation::Store;
use crate::metrics::Metrics;

/// Reloads at each signal, one at a time. Never ends by itself.
pub(crate) async fn on(mut hangup: Signal, store: Arc<Store>, metrics: Metrics) {
    // Signals that arrive during a reload are one more reload.
    while hangup.recv().await.is_some() {
        let reading = store.clone();
        let reloaded = tokio::task::spawn_blocking(move || reading.reload()).await;
        match reloaded {
            Ok(Ok(generation)) => {
                metrics.reload(true);
                for zone in generation.zones.zones() {
                    info!(
                        zone = %zone.origin(),
                        serial = zone.serial(),
                        records = zone.records(),
                        generation = generation.number,
                        "zone reloaded"
                    );
                }
            }
            Ok(Err(error)) => {
                metrics.reload(false);
                error!(%error, "zones not reloaded: the old ones stay");
            }
            Err(error) => {
                metrics.reload(false);
                error!(%error, "zones not reloaded by a fault of ours: the old ones stay");
            }
        }
    }
}
