//! run/state.json: where the running stack is, for people, tests and the other
//! subcommands.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A running stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Process of `radiodeck up`.
    pub(crate) pid: u32,
    /// The first balancer.
    pub(crate) http: SocketAddr,
    /// The same with TLS.
    pub(crate) https: SocketAddr,
    /// The authority that vouches for the balancers' certificate, a PEM file.
    pub(crate) ca: PathBuf,
    /// The name server, UDP and TCP.
    pub(crate) dns: SocketAddr,
    /// Address of the site.
    pub(crate) site: String,
    /// Address of the API.
    pub(crate) api: String,
    /// Data folder.
    pub(crate) data: PathBuf,
    /// Configuration for `radiodeck import --config` and `radiodeck migrate --config`.
    pub(crate) owner_config: PathBuf,
    /// Every service.
    pub(crate) services: Vec<ServiceState>,
    /// Every database node.
    pub(crate) postgres: Vec<NodeState>,
}

/// A service process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceState {
    /// Such as `app-1`.
    pub(crate) name: String,
    /// None while it is being restarted.
    pub(crate) pid: Option<u32>,
    /// Where it serves.
    pub(crate) listen: Option<SocketAddr>,
    /// Where it serves with TLS.
    pub(crate) https: Option<SocketAddr>,
    /// Its admin listener.
    pub(crate) admin: Option<SocketAddr>,
    /// Starts so far.
    pub(crate) starts: u32,
}

/// A database node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeState {
    /// Such as `pg-1`.
    pub(crate) name: String,
    /// Folder of its socket.
    pub(crate) host: String,
    /// Port, which names the socket.
    pub(crate) port: u16,
    /// Process, if it runs.
    pub(crate) pid: Option<u32>,
}

/// Replaces `path` in one step: a reader sees the old file or the new one.
pub(crate) fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

impl State {
    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        write_whole(path, &text)
    }
}
