//! What a cluster shall be.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::Error;

/// Most replicas of one cluster.
const MAX_REPLICAS: u8 = 8;

/// Where a cluster lives and how many nodes it has.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// Its folder, made if it is not there. The path is bounded by what a Unix socket allows: keep it below 80 bytes.
    pub folder: PathBuf,
    /// Replicas beside the primary, 0 to 8. A cluster that exists may be started with more or fewer.
    pub replicas: u8,
    /// Passwords of the roles, set when the cluster is made and again at each start.
    pub passwords: Passwords,
    /// Settings of `postgresql.conf` that differ from the defaults of this crate, name and value.
    pub settings: Vec<(String, String)>,
    /// Remove the folder when the cluster goes, however it goes. For tests.
    pub throw_away: bool,
    /// How long each single step (making the data, starting, stopping a node) may take.
    pub step_deadline: Duration,
}

/// Passwords of the three roles that log in.
#[derive(Clone)]
pub struct Passwords {
    /// `radiodeck_owner`: owns the database, runs migrations.
    pub owner: String,
    /// `radiodeck_app`: reads and writes rows.
    pub app: String,
    /// `replicator`: streams to replicas.
    pub replication: String,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(..)")
    }
}

impl ClusterConfig {
    /// A cluster that is kept, with this crate's settings and a minute for each step.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, replicas: u8, passwords: Passwords) -> Self {
        Self {
            folder: folder.into(),
            replicas,
            passwords,
            settings: Vec::new(),
            throw_away: false,
            step_deadline: Duration::from_secs(60),
        }
    }

    /// A cluster for a test: gone with the process, and quick instead of durable.
    #[must_use]
    pub fn throw_away(folder: impl Into<PathBuf>, replicas: u8, passwords: Passwords) -> Self {
        let quick = [
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("shared_buffers", "64MB"),
        ];
        Self {
            settings: quick.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            throw_away: true,
            ..Self::new(folder, replicas, passwords)
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.replicas > MAX_REPLICAS {
            return Err(Error::Config {
                key: "replicas",
                reason: format!("{} are too many, at most {MAX_REPLICAS} work", self.replicas),
            });
        }
        let passwords = [&self.passwords.owner, &self.passwords.app, &self.passwords.replication];
        if passwords.iter().any(|p| p.is_empty() || p.contains(['\0', '\n', '\r'])) {
            return Err(Error::Config {
                key: "passwords",
                reason: "each is one line that is not empty".into(),
            });
        }
        for (name, value) in &self.settings {
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            if !plain || name.is_empty() || value.contains(['\0', '\n', '\r']) {
                return Err(Error::Config {
                    key: "settings",
                    reason: format!("`{name}` cannot stand in postgresql.conf"),
                });
            }
        }
        Ok(())
    }
}
