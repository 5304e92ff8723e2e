//! Why the stack did not come up, each with what to do about it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitStatus;

use thiserror::Error;

use crate::{migrate, secrets};

/// Why the stack did not come up. What was started has been stopped again.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("no data folder: this user has no home directory; name one with --data DIR")]
    NoDataFolder,
    #[error("data folder {}: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(
        "data folder {} is in use by another `radiodeck up` (process {holder}): stop that one or choose another folder \
         with --data DIR", root.display()
    )]
    InUse { root: PathBuf, holder: String },
    #[error("{protocol} port {port} of {ip} is in use: stop what holds it, or choose another port with {flag}")]
    PortInUse {
        protocol: &'static str,
        ip: IpAddr,
        port: u16,
        flag: &'static str,
    },
    #[error("{protocol} port {port} of {ip} cannot be used ({source}): choose another one with {flag}")]
    Port {
        protocol: &'static str,
        ip: IpAddr,
        port: u16,
        flag: &'static str,
        source: std::io::Error,
    },
    #[error("cannot tell where this program lies: {0}")]
    OwnPath(std::io::Error),
    #[error(
        "{} is not there: the services' programs must lie beside this one; build them with `cargo build --workspace`",
        .0.display()
    )]
    NoProgram(PathBuf),
    #[error("the services do not build ({0}): see cargo's messages above")]
    Build(ExitStatus),
    #[error("cannot run {}: {source}", program.display())]
    Spawn { program: PathBuf, source: std::io::Error },
    #[error("{name} did not start: {reason}")]
    Service { name: String, reason: String },
    #[error("{name} was not ready within {seconds} s")]
    NotReady { name: String, seconds: u64 },
    #[error("{0}")]
    Postgres(#[from] postgres::Error),
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}
