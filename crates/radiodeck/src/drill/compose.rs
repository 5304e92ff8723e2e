//! The running compose stack. Every container that the drill takes down is noted
//! before it goes, so that it comes back whatever happens to the drill.

use std::net::SocketAddr;

use tokio::task::JoinHandle;

use super::docker;
use crate::measure::Error;
use crate::measure::target::loopback;

pub(crate) struct Compose {
    http: SocketAddr,
    apps: Vec<String>,
    primary: String,
    replica: String,
    /// Containers that the drill took down and that shall run.
    down: Vec<String>,
    /// A stop and start under way: a good stop takes seconds, and the load goes on meanwhile.
    restarting: Vec<JoinHandle<Result<(), Error>>>,
}

impl Compose {
    /// Finds the containers; nothing is touched yet.
    pub(super) async fn find(project: &str, http: SocketAddr) -> Result<Self, Error> {
        let http = loopback(http)?;
        let one = async |service: &str| {
            let found = docker::containers(project, service).await?;
            found.into_iter().next().ok_or_else(|| {
                Error::CannotRun(format!(
                    "no container of the service `{service}` runs in the compose project `{project}`: \
                     start the stack with `make up`, or name its project with --project"
                ))
            })
        };
        let (primary, replica) = (one("pg-1").await?, one("pg-2").await?);
        one("lb").await?;
        let apps = docker::containers(project, "app").await?;
        if apps.len() < 2 {
            return Err(Error::CannotRun(format!(
                "{} app containers run in the compose project `{project}`, the drill needs two",
                apps.len()
            )));
        }
        Ok(Self {
            http,
            apps,
            primary,
            replica,
            down: Vec::new(),
            restarting: Vec::new(),
        })
    }

    pub(super) fn http(&self) -> SocketAddr {
        self.http
    }

    /// Killed, it stays down until the load has gone on without it for a while.
    pub(super) async fn kill_app(&mut self, number: usize) -> Result<(), Error> {
        let id = self.apps[number].clone();
        self.down.push(id.clone());
        docker::kill(&id).await?;
        self.restarting.push(tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            docker::start(&id).await
        }));
        Ok(())
    }

    pub(super) async fn restart_app(&mut self, number: usize) -> Result<(), Error> {
        let id = self.apps[number].clone();
        self.down.push(id.clone());
        self.restarting.push(tokio::spawn(async move {
            docker::stop(&id).await?;
            docker::start(&id).await
        }));
        Ok(())
    }

    pub(super) async fn kill_replica(&mut self) -> Result<(), Error> {
        self.down.push(self.replica.clone());
        docker::kill(&self.replica).await
    }

    pub(super) async fn kill_primary(&mut self) -> Result<(), Error> {
        self.down.push(self.primary.clone());
        docker::kill(&self.primary).await
    }

    pub(super) async fn start_primary(&mut self) -> Result<(), Error> {
        docker::start(&self.primary).await
    }

    /// Starts everything that was taken down, the primary first.
    pub(super) async fn restore(&mut self) {
        for restart in self.restarting.drain(..) {
            // Its outcome does not matter: what is down is started below.
            let _ = restart.await;
        }
        let primary = self.primary.clone();
        self.down.sort_by_key(|id| *id != primary);
        self.down.dedup();
        for id in self.down.drain(..) {
            if let Err(error) = docker::start(&id).await {
                eprintln!("radiodeck: could not start container {id} again: {error}");
            }
        }
    }
}
