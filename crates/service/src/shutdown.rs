//! The end of a service: SIGTERM, SIGINT or a successor that serves begins the
//! drain; a second signal ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::notify::notify;
use crate::{Readiness, StartError};

/// Tells every part of a service that the drain has begun, and how long it may
/// take. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    token: CancellationToken,
    deadline: Duration,
    successor: Arc<AtomicBool>,
}

impl Shutdown {
    /// A shutdown that begins when [`Shutdown::begin`] is called; tests use it
    /// directly.
    #[must_use]
    pub fn new(deadline: Duration) -> Self {
        Self {
            token: CancellationToken::new(),
            deadline,
            successor: Arc::default(),
        }
    }

    /// Begins the drain. Further calls change nothing.
    pub fn begin(&self) {
        self.token.cancel();
    }

    /// Begins the drain as one of which nobody outside needs to know: another process
    /// serves the same addresses by now.
    pub fn hand_over(&self) {
        self.successor.store(true, Ordering::Release);
        self.begin();
    }

    /// Whether the drain has begun by [`Shutdown::hand_over`].
    #[must_use]
    pub fn has_successor(&self) -> bool {
        self.successor.load(Ordering::Acquire)
    }

    /// Resolves when the drain begins by [`Shutdown::hand_over`].
    pub(crate) async fn handed_over(&self) {
        self.begun().await;
        if !self.has_successor() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Resolves when the drain begins; at once if it has.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// How long the drain may take, counted from its beginning.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Begins on the first SIGTERM or SIGINT and exits the process on the second.
    pub(crate) fn on_signals(&self, readiness: Readiness) -> Result<(), StartError> {
        let install = |kind| {
            signal(kind).map_err(|source| StartError::System {
                what: "cannot listen for signals",
                source,
            })
        };
        let mut terminate = install(SignalKind::terminate())?;
        let mut interrupt = install(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                }
            };
            let signal = next().await;
            readiness.drain();
            notify("STOPPING=1");
            info!(signal, deadline_ms = shutdown.deadline.as_millis() as u64, "draining");
            shutdown.begin();
            let signal = next().await;
            warn!(signal, "second signal: exiting at once");
            std::process::exit(130);
        });
        Ok(())
    }
}
