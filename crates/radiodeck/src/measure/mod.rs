//! What every benchmark and every drill is made of: one form of report, one
//! load generator, one way to count CPU time.
//!
//! The rules: a figure comes with its bound, or says that it has none; what
//! could not be measured is named and why; the load generator proves that it was
//! not the limit; load goes to this machine only.

pub(crate) mod cpu;
pub(crate) mod document;
pub(crate) mod grid;
pub(crate) mod histogram;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod output;
pub(crate) mod report;
pub(crate) mod samples;
pub(crate) mod stage;
pub(crate) mod table;
pub(crate) mod target;
pub(crate) mod watch;

use std::path::PathBuf;

use thiserror::Error;

/// Why a measurement could not run. Never a verdict: a bound that does not hold
/// is a figure of the report.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("there is no {what} named `{name}`; there are: {known}")]
    Unknown {
        what: &'static str,
        name: String,
        known: String,
    },
    #[error("load goes to this machine only: {target} is not a loopback address")]
    NotLoopback { target: String },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    CannotRun(String),
    #[error("the stack did not start: {0}")]
    Stack(#[from] crate::up::Error),
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    pub(crate) fn unknown(what: &'static str, name: &str, known: &[&str]) -> Self {
        Self::Unknown {
            what,
            name: name.to_owned(),
            known: known.join(", "),
        }
    }
}

/// The runtime that supervises the stack; load has threads of its own.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::CannotRun(format!("no runtime: {error}")))
}
