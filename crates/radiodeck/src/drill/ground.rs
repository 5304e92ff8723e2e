//! What a drill is held on: processes of its own, or the containers of the
//! compose stack. Both can be broken in the same ways.

use std::net::SocketAddr;

use super::compose::Compose;
use super::processes::Processes;
use crate::measure::Error;

/// A running stack that may be broken.
pub(crate) enum Ground {
    Processes(Box<Processes>),
    Compose(Box<Compose>),
}

impl Ground {
    /// Address of the balancer.
    pub(crate) fn http(&self) -> SocketAddr {
        match self {
            Self::Processes(processes) => processes.http(),
            Self::Compose(compose) => compose.http(),
        }
    }

    /// Kills an app server (0 or 1) as the loss of its machine would, and has it started again.
    pub(crate) async fn kill_app(&mut self, number: usize) -> Result<(), Error> {
        match self {
            Self::Processes(processes) => processes.kill_app(number),
            Self::Compose(compose) => compose.kill_app(number).await,
        }
    }

    /// Stops an app server in good order and starts it again.
    pub(crate) async fn restart_app(&mut self, number: usize) -> Result<(), Error> {
        match self {
            Self::Processes(processes) => processes.restart_app(number),
            Self::Compose(compose) => compose.restart_app(number).await,
        }
    }

    /// Kills a replica of the database for good, until [`Ground::restore`].
    pub(crate) async fn kill_replica(&mut self) -> Result<(), Error> {
        match self {
            Self::Processes(processes) => processes.kill_replica().await,
            Self::Compose(compose) => compose.kill_replica().await,
        }
    }

    /// Kills the primary.
    pub(crate) async fn kill_primary(&mut self) -> Result<(), Error> {
        match self {
            Self::Processes(processes) => processes.kill_primary().await,
            Self::Compose(compose) => compose.kill_primary().await,
        }
    }

    /// Starts the primary again; returns once it is on its way.
    pub(crate) async fn start_primary(&mut self) -> Result<(), Error> {
        match self {
            Self::Processes(processes) => processes.start_primary().await,
            Self::Compose(compose) => compose.start_primary().await,
        }
    }

    /// Puts right whatever was broken.
    pub(crate) async fn restore(self) {
        match self {
            Self::Processes(processes) => processes.strike().await,
            Self::Compose(mut compose) => compose.restore().await,
        }
    }
}
