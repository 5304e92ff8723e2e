//! Why a service could not start or had to end.

use std::net::SocketAddr;

use thiserror::Error;

use crate::ConfigError;

/// Why a service did not start. The operator's to mend, except
/// [`StartError::Dependency`], which may pass by itself.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {addr} ({key}): {source}{}", hint(source))]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The configuration key that names it.
        key: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something this service cannot start without is not there.
    #[error("{what}: {message}")]
    Dependency {
        /// What is missing.
        what: String,
        /// Why, and what to do.
        message: String,
    },
    /// The system refused a resource (threads, memory, files).
    #[error("{what}: {source}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "; another process holds it: stop that one or choose another port",
        std::io::ErrorKind::PermissionDenied => "; ports below 1024 need the capability NET_BIND_SERVICE",
        std::io::ErrorKind::AddrNotAvailable => "; no interface of this machine has this address",
        _ => "",
    }
}

/// Why a running service ended before it was told to.
#[derive(Debug, Error)]
pub enum RunError {
    /// A listener or worker failed for good.
    #[error("{what}: {source}")]
    Failed {
        /// What failed.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A task that must not end has ended.
    #[error("{what} ended unexpectedly: {message}")]
    Ended {
        /// The task.
        what: String,
        /// Its last words.
        message: String,
    },
}
