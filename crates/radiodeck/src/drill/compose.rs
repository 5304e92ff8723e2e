//! The running compose stack. Every container that the drill takes down is noted
//! before it goes, so that it comes back whatever happens to the drill.

use std::net::SocketAddr;

use tokio::task::{JoinError, JoinHandle};

use super::docker;
use super::files::Files;
use crate::measure::Error;
use crate::measure::target::loopback;

pub(crate) struct Compose {
    project: String,
    http: SocketAddr,
    lb: String,
    apps: Vec<String>,
    primary: String,
    replica: String,
    /// Containers that the drill took down and that shall run.
    down: Vec<String>,
    /// A stop and start under way: a good stop takes seconds, and the load goes on meanwhile.
    restarting: Vec<JoinHandle<Result<(), Error>>>,
    /// App servers that were there before the drill added one.
    before_scaling: Option<Vec<String>>,
    /// The addition under way: given up halfway it would leave half a container.
    scaling: Option<JoinHandle<Result<(), Error>>>,
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
        let lb = one("lb-1").await?;
        let apps = docker::containers(project, "app").await?;
        if apps.len() < 2 {
            return Err(Error::CannotRun(format!(
                "{} app containers run in the compose project `{project}`, the drill needs two",
                apps.len()
            )));
        }
        Ok(Self {
            project: project.to_owned(),
            http,
            lb,
            apps,
            primary,
            replica,
            down: Vec::new(),
            restarting: Vec::new(),
            before_scaling: None,
            scaling: None,
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

    /// One app server more, as an operator would add it; gives its id.
    pub(super) async fn add_app(&mut self) -> Result<String, Error> {
        // The handle stays here until its end: an interrupted drill waits for it in `restore`.
        while let Some(restart) = self.restarting.last_mut() {
            let outcome = joined(restart.await);
            self.restarting.pop();
            outcome?;
        }
        let before = docker::all_containers(&self.project, "app").await?;
        if docker::containers(&self.project, "app").await?.len() < before.len() {
            return Err(Error::CannotRun(
                "an app container does not run, and would be started too".into(),
            ));
        }
        let files = Files::find(&self.project, &self.lb).await?;
        let count = before.len() + 1;
        self.before_scaling = Some(before);
        let scaling = self
            .scaling
            .insert(tokio::spawn(async move { files.scale_app(count).await }));
        let outcome = joined(scaling.await);
        self.scaling = None;
        outcome?;
        let mut added = self.added().await?;
        added
            .pop()
            .ok_or_else(|| Error::CannotRun("docker compose added no app container".into()))
    }

    /// App servers that were not there before the drill added one.
    async fn added(&self) -> Result<Vec<String>, Error> {
        let Some(before) = &self.before_scaling else {
            return Ok(Vec::new());
        };
        let mut now = docker::all_containers(&self.project, "app").await?;
        now.retain(|id| !before.contains(id));
        Ok(now)
    }

    async fn take_away_added(&mut self) -> Result<(), Error> {
        if let Some(scaling) = self.scaling.take() {
            // Its outcome does not matter: what is there is found below.
            let _ = scaling.await;
        }
        for id in self.added().await? {
            docker::remove(&id).await?;
        }
        Ok(())
    }

    /// Starts everything that was taken down, the primary first, and takes away what was added.
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
        if let Err(error) = self.take_away_added().await {
            eprintln!("radiodeck: could not take away the app container that was added: {error}");
        }
    }
}

fn joined(outcome: Result<Result<(), Error>, JoinError>) -> Result<(), Error> {
    outcome.unwrap_or_else(|error| Err(Error::CannotRun(error.to_string())))
}
