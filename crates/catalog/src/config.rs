//! The `[database]` table, shared by the app server and the command line.

use std::path::PathBuf;

use serde::Deserialize;

/// Where Postgres is and who we are there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Database name.
    #[serde(default = "radiodeck")]
    pub name: String,
    /// Role to log in as.
    pub user: String,
    /// File whose first line is the role's password.
    pub password_file: PathBuf,
    /// Every node. Which one is the primary is observed, never configured.
    pub nodes: Vec<NodeConfig>,
    /// Connections for reads to each node, 1 to 100. Writes have half as many on the primary.
    #[serde(default = "default_connections")]
    pub max_connections_per_node: u32,
    /// A query that takes longer is ended by the server, milliseconds.
    #[serde(default = "default_statement_timeout_ms")]
    pub statement_timeout_ms: u64,
}

/// One Postgres node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Name for logs, metrics and `/status`.
    pub name: String,
    /// Host name, IP address, or (starting with `/`) the folder of a Unix socket.
    pub host: String,
    /// Port; also names the Unix socket.
    #[serde(default = "default_port")]
    pub port: u16,
}

impl DatabaseConfig {
    /// What serde cannot check.
    ///
    /// # Errors
    /// A text that begins with the key.
    pub fn check(&self) -> Result<(), String> {
        if self.nodes.is_empty() {
            return Err("nodes: names no node".into());
        }
        for (index, node) in self.nodes.iter().enumerate() {
            if node.name.is_empty() || node.host.is_empty() || node.host.contains('\0') {
                return Err(format!("nodes[{index}]: name and host must not be empty"));
            }
            if self.nodes[..index].iter().any(|other| other.name == node.name) {
                return Err(format!("nodes[{index}].name: `{}` is used twice", node.name));
            }
        }
        if !(1..=100).contains(&self.max_connections_per_node) {
            return Err("max_connections_per_node: must be 1 to 100".into());
        }
        if !(100..=600_000).contains(&self.statement_timeout_ms) {
            return Err("statement_timeout_ms: must be 100 to 600000".into());
        }
        Ok(())
    }
}

fn radiodeck() -> String {
    "radiodeck".into()
}

fn default_connections() -> u32 {
    10
}

fn default_statement_timeout_ms() -> u64 {
    5_000
}

fn default_port() -> u16 {
    5432
}
