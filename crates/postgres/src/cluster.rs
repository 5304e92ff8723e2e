//! The whole: a primary, its replicas, and what may be done to them.

use std::fs::File;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::account::Account;
use crate::config::{ClusterConfig, Passwords};
use crate::error::Error;
use crate::initialise;
use crate::leash::Leash;
use crate::node::Place;
use crate::prepare;
use crate::process::{Running, stop_orphan};
use crate::replicate::{self, psql};
use crate::settings::Upstream;
use crate::tool::Tools;

/// Where a node can be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Such as `pg-1`, which is the primary of a new cluster.
    pub name: String,
    /// Folder of its Unix socket.
    pub host: String,
    /// Names the socket in that folder.
    pub port: u16,
}

/// A running cluster. Dropping it stops every node soon after; [`Cluster::stop`] stops them in
/// good order and waits.
#[derive(Debug)]
pub struct Cluster {
    tools: Tools,
    settings: Vec<(String, String)>,
    passwords: Passwords,
    members: Vec<Member>,
    leash: Leash,
    _lock: File,
}

#[derive(Debug)]
struct Member {
    place: Place,
    /// `None` after it was stopped or killed on purpose.
    process: Mutex<Option<Running>>,
}

impl Cluster {
    /// Starts the cluster in its folder, making what is missing, and returns when every node takes connections.
    ///
    /// # Errors
    /// See [`Error`]. Nothing is left running then.
    pub async fn start(config: ClusterConfig) -> Result<Self, Error> {
        config.check()?;
        let folder = std::path::absolute(&config.folder).map_err(Error::file("find", &config.folder))?;
        let places = (1..=config.replicas + 1)
            .map(|number| Place::new(&folder, number))
            .collect::<Result<Vec<_>, _>>()?;
        let account = Account::find()?;
        let binaries = prepare::binaries(&places)?;
        let lock = prepare::folder(&folder, &account)?;
        let tools = Tools {
            binaries,
            account,
            deadline: config.step_deadline,
        };
        for place in &places {
            place.make_folders(&tools.account)?;
            place.write_pgpass(&tools.account, &config.passwords.replication)?;
            stop_orphan(place, tools.deadline).await?;
        }
        let leash = Leash::tie(&tools, &folder, config.throw_away, &places)?;
        let member = |place| Member {
            place,
            process: Mutex::new(None),
        };
        let cluster = Self {
            tools,
            settings: config.settings,
            passwords: config.passwords,
            members: places.into_iter().map(member).collect(),
            leash,
            _lock: lock,
        };
        cluster.start_all().await?;
        Ok(cluster)
    }

    async fn start_all(&self) -> Result<(), Error> {
        let primary = self.primary();
        if !primary.place.has_data() {
            tracing::info!(node = primary.place.name, "making a new database cluster");
            initialise::make_data(&self.tools, &primary.place).await?;
        }
        self.start_member(primary).await?;
        let sql = initialise::roles(&self.passwords) + &initialise::database("radiodeck");
        psql(&self.tools, &primary.place, "postgres", &sql).await?;
        let replicas = self.members.iter().filter(|m| m.place.name != primary.place.name);
        try_join_all(replicas.map(|replica| async {
            replicate::make_data(&self.tools, &primary.place, &replica.place).await?;
            self.start_member(replica).await
        }))
        .await?;
        Ok(())
    }

    /// The data decides which node is the primary, the first where there is none.
    fn primary(&self) -> &Member {
        let made = self
            .members
            .iter()
            .find(|m| m.place.has_data() && !m.place.is_replica());
        made.unwrap_or(&self.members[0])
    }

    async fn start_member(&self, member: &Member) -> Result<(), Error> {
        let mut process = member.process.lock().await;
        if process.as_mut().is_some_and(|p| p.ended().is_none()) {
            return Ok(());
        }
        let (account, pgpass) = (&self.tools.account, member.place.pgpass());
        let primary = self.primary().place.socket_folder();
        let upstream = member.place.is_replica().then(|| Upstream {
            socket_folder: &primary,
            pgpass: &pgpass,
            replica: &member.place.name,
        });
        member
            .place
            .write_settings(account, upstream.as_ref(), &self.settings)?;
        *process = Some(Running::start(&self.tools, &member.place).await?);
        Ok(())
    }

    fn member(&self, node: &str) -> Result<&Member, Error> {
        let found = self.members.iter().find(|m| m.place.name == node);
        found.ok_or_else(|| Error::UnknownNode(node.to_owned()))
    }

    /// Every node, the first primary first.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        self.members
            .iter()
            .map(|member| Node {
                name: member.place.name.clone(),
                host: member.place.socket_folder().display().to_string(),
                port: 5432,
            })
            .collect()
    }

    /// Starts a node that was stopped, killed or has died, and waits until it takes connections.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], or why it does not start.
    pub async fn start_node(&self, node: &str) -> Result<(), Error> {
        self.start_member(self.member(node)?).await
    }

    /// Stops a node in good order.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub async fn stop_node(&self, node: &str) -> Result<(), Error> {
        self.stop_member(self.member(node)?).await;
        Ok(())
    }

    async fn stop_member(&self, member: &Member) {
        if let Some(mut process) = member.process.lock().await.take() {
            process.stop(self.tools.deadline).await;
        }
    }

    /// Ends a node as the loss of its machine would: at once, without a word, nothing written.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub async fn kill_node(&self, node: &str) -> Result<(), Error> {
        if let Some(mut process) = self.member(node)?.process.lock().await.take() {
            process.kill().await;
        }
        Ok(())
    }

    /// Makes a node silent: connections stay open, new ones are accepted, nothing is answered.
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub async fn freeze_node(&self, node: &str) -> Result<(), Error> {
        if let Some(process) = self.member(node)?.process.lock().await.as_ref() {
            process.freeze();
        }
        Ok(())
    }

    /// Ends [`Cluster::freeze_node`].
    ///
    /// # Errors
    /// [`Error::UnknownNode`].
    pub async fn thaw_node(&self, node: &str) -> Result<(), Error> {
        if let Some(process) = self.member(node)?.process.lock().await.as_ref() {
            process.thaw();
        }
        Ok(())
    }

    /// Resolves with the name of a node that ended although nobody stopped it.
    pub async fn died(&self) -> String {
        loop {
            for member in &self.members {
                // Locked: just being started or stopped.
                let Ok(mut process) = member.process.try_lock() else {
                    continue;
                };
                if process.as_mut().is_some_and(|p| p.ended().is_some()) {
                    *process = None;
                    return member.place.name.clone();
                }
            }
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// Makes another database like `radiodeck`: same owner, same extensions, empty. For tests.
    ///
    /// # Errors
    /// What Postgres says.
    pub async fn create_database(&self, name: &str) -> Result<(), Error> {
        self.superuser_sql(&self.primary().place.name, "postgres", &initialise::database(name))
            .await
            .map(drop)
    }

    /// Runs SQL (or psql's own commands) as the superuser, and gives the rows as lines, fields parted by `|`.
    ///
    /// # Errors
    /// [`Error::UnknownNode`], or what Postgres says.
    pub async fn superuser_sql(&self, node: &str, database: &str, sql: &str) -> Result<String, Error> {
        psql(&self.tools, &self.member(node)?.place, database, sql).await
    }

    /// Stops every node in good order and waits: the primary first, so that the replicas get all it wrote.
    pub async fn stop(mut self) {
        self.stop_member(self.primary()).await;
        join_all(self.members.iter().map(|member| self.stop_member(member))).await;
        self.leash.let_go().await;
    }
}
