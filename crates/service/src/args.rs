//! The command line that all services share.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::Deserialize;

/// Arguments of a service binary.
#[derive(Debug, Clone, Default, Parser)]
pub struct Args {
    /// Configuration file (TOML). Without it, built-in defaults and the
    /// environment are used.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Check the configuration and every file it names, print one clear error
    /// or "configuration is valid", and exit with 1 or 0.
    #[arg(long)]
    pub check: bool,

    /// Ask the admin listener of an instance that runs with this same
    /// configuration whether it is ready; exit with 0 if it is, 1 if not.
    #[arg(long, conflicts_with = "check")]
    pub probe: bool,

    /// How to write the log on standard error; overrides the configuration.
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line of text an event, for people.
    #[default]
    Human,
    /// One JSON object a line, fields flattened, for collectors.
    Json,
}
