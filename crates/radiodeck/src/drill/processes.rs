//! A stack of the drill's own, as processes; it ends with the drill.

use std::net::SocketAddr;

use rustix::process::Signal;

use crate::measure::Error;
use crate::measure::stage::Stage;
use crate::up::{Interrupt, send_signal};

/// The node that a new cluster has as its primary.
const PRIMARY: &str = "pg-1";
const REPLICA: &str = "pg-2";

pub(crate) struct Processes {
    stage: Stage,
}

impl Processes {
    pub(super) async fn start(interrupt: &mut Interrupt) -> Result<Self, Error> {
        Ok(Self {
            stage: Stage::set(2, interrupt).await?,
        })
    }

    pub(super) fn http(&self) -> SocketAddr {
        self.stage.state.http
    }

    /// `up` starts it again by itself.
    pub(super) fn kill_app(&self, number: usize) -> Result<(), Error> {
        self.signal_app(number, Signal::KILL)
    }

    /// It drains and ends, and `up` starts it again.
    pub(super) fn restart_app(&self, number: usize) -> Result<(), Error> {
        self.signal_app(number, Signal::TERM)
    }

    fn signal_app(&self, number: usize, signal: Signal) -> Result<(), Error> {
        let name = format!("app-{}", number + 1);
        let pid = self.stage.stack.book().now(&name).and_then(|now| now.pid);
        send_signal(
            pid.ok_or_else(|| Error::CannotRun(format!("{name} does not run")))?,
            signal,
        );
        Ok(())
    }

    fn cluster(&self) -> Result<&postgres::Cluster, Error> {
        let database = self.stage.stack.database();
        Ok(database
            .ok_or_else(|| Error::CannotRun("there is no database".into()))?
            .cluster())
    }

    pub(super) async fn kill_replica(&self) -> Result<(), Error> {
        self.cluster()?.kill_node(REPLICA).await.map_err(cannot)
    }

    pub(super) async fn kill_primary(&self) -> Result<(), Error> {
        self.cluster()?.kill_node(PRIMARY).await.map_err(cannot)
    }

    pub(super) async fn start_primary(&self) -> Result<(), Error> {
        self.cluster()?.start_node(PRIMARY).await.map_err(cannot)
    }

    pub(super) async fn strike(self) {
        self.stage.strike().await;
    }
}

fn cannot(error: postgres::Error) -> Error {
    Error::CannotRun(error.to_string())
}
