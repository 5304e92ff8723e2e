//! What can keep a cluster from running, said so that the reader knows what to do.

use std::path::PathBuf;

use thiserror::Error;

/// Why a cluster or a node of it does not do what it was told.
#[derive(Debug, Error)]
pub enum Error {
    /// No usable server binaries on this machine.
    #[error(
        "no Postgres {wanted} server found (looked in {searched}); install it: \
         Debian and Ubuntu `apt-get install postgresql`, Fedora `dnf install postgresql-server postgresql-contrib`, macOS `brew install postgresql@17`"
    )]
    NoBinaries {
        /// Which version would do.
        wanted: String,
        /// Where it was looked for.
        searched: String,
    },
    /// A value of [`crate::ClusterConfig`] cannot be used.
    #[error("{key}: {reason}")]
    Config {
        /// Field of the configuration.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The system bounds the length of a socket's path.
    #[error(
        "the path of the database socket {path} has {bytes} bytes, at most 99 work: choose a data folder with a shorter path"
    )]
    SocketPathTooLong {
        /// The socket that would be made.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// Another process runs a cluster in this folder.
    #[error("the data folder {} is in use by another running radiodeck", .0.display())]
    InUse(PathBuf),
    /// Run by root, and the user that Postgres runs as instead cannot get at the folder.
    #[error(
        "Postgres does not run as root, and the user `{user}` cannot enter {}: \
         choose a data folder that others may enter, such as one below /var/lib", .folder.display()
    )]
    Unreachable {
        /// The user that Postgres would run as.
        user: String,
        /// The folder that keeps it out.
        folder: PathBuf,
    },
    /// Run by root, and neither `postgres` nor `nobody` exists.
    #[error("Postgres does not run as root, and this system has neither a user `postgres` nor `nobody`")]
    NoAccount,
    /// The file system said no.
    #[error("{what} {}: {source}", .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// One of Postgres's own tools failed.
    #[error("{tool} failed: {output}")]
    Tool {
        /// Its name.
        tool: String,
        /// The end of what it printed.
        output: String,
    },
    /// Something took too long.
    #[error("{what} took longer than {seconds} s{log}")]
    Deadline {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// The end of the node's log, if it has one.
        log: String,
    },
    /// The server ended instead of starting.
    #[error("Postgres node {node} ended while starting ({status}){log}")]
    Exited {
        /// Name of the node.
        node: String,
        /// How it ended.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// No node of this name.
    #[error("no Postgres node is called `{0}`")]
    UnknownNode(String),
}

impl Error {
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
