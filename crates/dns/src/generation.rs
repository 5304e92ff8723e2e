//! Generations of zones: loaded whole, swapped whole. A query uses the one that
//! was current when it came, so a reload loses none and mixes nothing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use thiserror::Error;

use crate::zone::{Name, ZoneError, ZoneSet};
use crate::zonefile;

/// Where a zone comes from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub origin: Name,
    /// Its file.
    pub path: PathBuf,
}

/// All zones as they were at one time.
#[derive(Debug)]
pub struct Generation {
    /// Counted from 1.
    pub number: u64,
    /// The zones.
    pub zones: ZoneSet,
    /// When they were read.
    pub loaded_at: SystemTime,
}

/// Why zones cannot be served: the configuration's fault or a file's, and nothing that trying again mends.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A zone cannot be read or would answer wrongly.
    #[error("{error}")]
    Zone {
        /// Position of its source.
        index: usize,
        /// What is wrong.
        error: ZoneError,
    },
    /// A name is to be steered that has no address.
    #[error("no zone has an address at {name}, which is to be steered")]
    NothingToSteer {
        /// Position of the name in the configuration.
        index: usize,
        /// The name.
        name: Name,
    },
}

/// Reads every zone and marks the names that are steered, or says what cannot be served.
///
/// # Errors
/// The first thing that is wrong.
pub fn load(sources: &[Source], steered: &[Name]) -> Result<ZoneSet, LoadError> {
    let mut zones = ZoneSet::default();
    for (index, source) in sources.iter().enumerate() {
        let zone = zonefile::load(&source.path, &source.origin).map_err(|error| LoadError::Zone { index, error })?;
        // The configuration was checked for repeated origins.
        let _repeated = zones.add(zone);
    }
    for (index, name) in steered.iter().enumerate() {
        if !zones.steer(name) {
            let name = name.clone();
            return Err(LoadError::NothingToSteer { index, name });
        }
    }
    Ok(zones)
}

/// The current generation and how to get a new one.
#[derive(Debug)]
pub struct Store {
    sources: Vec<Source>,
    steered: Vec<Name>,
    current: ArcSwap<Generation>,
    last_failure: Mutex<Option<String>>,
}

impl Store {
    /// Starts with zones that were read before, of these sources and with these names steered.
    #[must_use]
    pub fn new(sources: Vec<Source>, steered: Vec<Name>, zones: ZoneSet) -> Self {
        let first = Generation {
            number: 1,
            zones,
            loaded_at: SystemTime::now(),
        };
        Self {
            sources,
            steered,
            current: ArcSwap::from_pointee(first),
            last_failure: Mutex::new(None),
        }
    }

    /// The generation to answer from.
    #[must_use]
    pub fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Why the last reload failed, if it did.
    #[must_use]
    pub fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads every file again. Blocks while it does. When any cannot be served,
    /// all stays as it is. Reloads must not run side by side.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn reload(&self) -> Result<Arc<Generation>, LoadError> {
        let loaded = load(&self.sources, &self.steered);
        let mut last_failure = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(zones) => {
                let next = Arc::new(Generation {
                    number: self.current.load().number + 1,
                    zones,
                    loaded_at: SystemTime::now(),
                });
                self.current.store(next.clone());
                *last_failure = None;
                Ok(next)
            }
            Err(error) => {
                *last_failure = Some(error.to_string());
                Err(error)
            }
        }
    }
}
