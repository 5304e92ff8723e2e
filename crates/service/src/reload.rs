//! Reloading: the configuration is read again from where it came from, checked
//! whole, and given to the service, which takes all of it or nothing. SIGHUP asks
//! for it, and so does `POST /reload` on the admin listener, which also answers
//! what came of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info};

use crate::{Config, ConfigError, StartError, environment, load};

/// Where a configuration comes from: a file or none, with the environment laid
/// over it.
#[derive(Debug, Clone, Default)]
pub struct ConfigSource {
    /// The file; `None` means the built-in defaults.
    pub path: Option<PathBuf>,
    /// Prefix of environment overrides; empty: none are read.
    pub prefix: &'static str,
}

impl ConfigSource {
    /// Reads the configuration; nothing but types is checked yet.
    ///
    /// # Errors
    /// The first thing that is wrong, naming its key.
    pub fn read<C: Config>(&self) -> Result<C, StartError> {
        let overrides = match self.prefix {
            "" => Vec::new(),
            prefix => environment(prefix)?,
        };
        Ok(load(self.path.as_deref(), self.prefix, overrides)?)
    }

    /// Reads the configuration and checks all of it.
    ///
    /// # Errors
    /// The first thing that is wrong, naming its key.
    pub fn read_checked<C: Config>(&self) -> Result<C, StartError> {
        let config: C = self.read()?;
        config.service().check()?;
        config.check()?;
        Ok(config)
    }
}

type Apply = Box<dyn FnMut() -> Result<String, StartError> + Send>;

/// What a service does when it is told to reload. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reload(Arc<Mutex<Apply>>);

impl Reload {
    /// Reads `C` from `source` each time and hands it to `apply`.
    pub(crate) fn new<C, F>(source: ConfigSource, mut apply: F) -> Self
    where
        C: Config,
        F: FnMut(C) -> Result<String, ConfigError> + Send + 'static,
    {
        let read_and_apply = move || Ok(apply(source.read_checked()?)?);
        Self(Arc::new(Mutex::new(Box::new(read_and_apply))))
    }

    /// Reloads once and says in the log what came of it. One at a time; blocks,
    /// as files are read.
    pub(crate) fn run(&self) -> Result<String, StartError> {
        let mut apply = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = apply();
        match &result {
            Ok(change) => info!(change, "reloaded"),
            Err(error) => error!(%error, "not reloaded: everything stays as it was"),
        }
        result
    }

    /// The same, off the runtime's threads.
    pub(crate) async fn run_aside(&self) -> Result<String, String> {
        let reload = self.clone();
        match tokio::task::spawn_blocking(move || reload.run()).await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(error) => {
                error!(%error, "not reloaded by a fault of ours: everything stays as it was");
                Err(error.to_string())
            }
        }
    }

    /// Reloads at each signal; signals that arrive meanwhile are one more reload.
    pub(crate) async fn on(self, mut hangup: Signal) {
        while hangup.recv().await.is_some() {
            let _logged = self.run_aside().await;
        }
    }
}

/// From here on a SIGHUP no longer ends the process.
pub(crate) fn hangup() -> Result<Signal, StartError> {
    signal(SignalKind::hangup()).map_err(|source| StartError::System {
        what: "cannot listen for SIGHUP",
        source,
    })
}
