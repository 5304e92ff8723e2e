//! Generations of zones: loaded whole, swapped whole. A query uses the one that
//! was current when it came, so a reload loses none and mixes nothing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

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

/// Reads every zone, or says which cannot be served.
///
/// # Errors
/// The position of the source, and what is wrong.
pub fn load(sources: &[Source]) -> Result<ZoneSet, (usize, ZoneError)> {
    let mut zones = ZoneSet::default();
    for (index, source) in sources.iter().enumerate() {
        let zone = zonefile::load(&source.path, &source.origin).map_err(|error| (index, error))?;
        // The configuration was checked for repeated origins.
        let _repeated = zones.add(zone);
    }
    Ok(zones)
}

/// The current generation and how to get a new one.
#[derive(Debug)]
pub struct Store {
    sources: Vec<Source>,
    current: ArcSwap<Generation>,
    last_failure: Mutex<Option<String>>,
}

impl Store {
    /// Starts with zones that were read before.
    #[must_use]
    pub fn new(sources: Vec<Source>, zones: ZoneSet) -> Self {
        let first = Generation {
            number: 1,
            zones,
            loaded_at: SystemTime::now(),
        };
        Self {
            sources,
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
    /// What is wrong with the first bad file.
    pub fn reload(&self) -> Result<Arc<Generation>, ZoneError> {
        let loaded = load(&self.sources).map_err(|(_, error)| error);
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
