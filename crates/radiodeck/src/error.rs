//! What can end a command, and with which exit code.

use std::path::PathBuf;

use thiserror::Error;

use crate::{import, measure, migrate, secrets, up};

/// Why a command failed. Its text is all that the operator gets to see.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Config(#[from] service::ConfigError),
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    #[error(transparent)]
    Up(#[from] up::Error),
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    #[error(transparent)]
    Import(#[from] import::Error),
    #[error(transparent)]
    Measure(#[from] measure::Error),
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
    #[error(
        "no stack runs on the data folder {}: start one with `radiodeck up`, or name another folder with --data or \
         a configuration with --config", data.display()
    )]
    NoStack { data: PathBuf },
}

impl Error {
    /// 2 says that a measurement could not run, which is no verdict; 1 is every
    /// other failure.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Measure(_) => 2,
            Self::Config(_)
            | Self::Secrets(_)
            | Self::Up(_)
            | Self::Migrate(_)
            | Self::Import(_)
            | Self::Runtime(_)
            | Self::NoStack { .. } => 1,
        }
    }
}
