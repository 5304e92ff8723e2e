//! Readiness by latches: a part that must come up first holds a [`Latch`] and
//! drops it when it is up. What nobody holds cannot be forgotten.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use tracing::info;

/// Whether this service can serve: true once every latch was dropped, false
/// again for good when the drain begins.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    state: Arc<Mutex<State>>,
    /// Cancelled when readiness is announced.
    announced: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    waiting_for: BTreeSet<&'static str>,
    sealed: bool,
    announced: bool,
    draining: bool,
}

/// Holds the service back from being ready until it is dropped.
#[derive(Debug)]
#[must_use = "a latch that is dropped at once holds nothing back"]
pub struct Latch {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// Holds readiness back until the latch is dropped. `name` says on `/ready`
    /// what is being waited for and must be unique within the service.
    pub fn latch(&self, name: &'static str) -> Latch {
        self.with(|state| state.waiting_for.insert(name));
        Latch {
            name,
            readiness: self.clone(),
        }
    }

    /// No more latches will be taken at start: readiness may be announced.
    pub(crate) fn seal(&self) {
        self.with(|state| state.sealed = true);
        self.announce();
    }

    /// Ends readiness for good.
    pub(crate) fn drain(&self) {
        self.with(|state| state.draining = true);
    }

    /// `Ok` when the service can serve, else what it waits for.
    ///
    /// # Errors
    /// A short text for the operator.
    pub fn check(&self) -> Result<(), String> {
        self.with(|state| {
            if state.draining {
                Err("draining".into())
            } else if !state.waiting_for.is_empty() {
                let names: Vec<_> = state.waiting_for.iter().copied().collect();
                Err(format!("waiting for: {}", names.join(", ")))
            } else if !state.sealed {
                Err("starting".into())
            } else {
                Ok(())
            }
        })
    }

    /// Resolves when the service can serve for the first time; at once if it could.
    pub(crate) async fn announced(&self) {
        self.announced.cancelled().await;
    }

    fn announce(&self) {
        let first = self.with(|state| {
            let ready = state.sealed && state.waiting_for.is_empty() && !state.draining;
            let first = ready && !state.announced;
            state.announced |= ready;
            first
        });
        if first {
            info!("ready");
            self.announced.cancel();
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.readiness.with(|state| state.waiting_for.remove(self.name));
        self.readiness.announce();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_when_the_last_latch_drops() {
        let readiness = Readiness::default();
        let zones = readiness.latch("zones");
        let probes = readiness.latch("probes");
        readiness.seal();
        assert_eq!(readiness.check(), Err("waiting for: probes, zones".into()));
        drop(zones);
        assert_eq!(readiness.check(), Err("waiting for: probes".into()));
        drop(probes);
        assert_eq!(readiness.check(), Ok(()));
    }

    #[test]
    fn a_service_without_latches_is_not_ready_before_it_is_built() {
        let readiness = Readiness::default();
        assert_eq!(readiness.check(), Err("starting".into()));
        readiness.seal();
        assert_eq!(readiness.check(), Ok(()));
    }

    #[test]
    fn draining_ends_readiness_for_good() {
        let readiness = Readiness::default();
        readiness.seal();
        readiness.drain();
        drop(readiness.latch("late"));
        assert_eq!(readiness.check(), Err("draining".into()));
    }
}
