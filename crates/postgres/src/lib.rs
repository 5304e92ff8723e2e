//! A Postgres primary and its streaming replicas as child processes of this one,
//! made in one folder from the machine's own binaries. `radiodeck up` runs its
//! database so, and every test that needs a real Postgres does.
//!
//! A [`Cluster`] owns its folder: one process at a time, held by a lock. Each node has a folder
//! in it with its data, its socket, its configuration (written anew at each start) and its log.
//! Nodes listen on Unix sockets only. They do not outlive this process, however it ends (see
//! `leash`), and a start after a crash takes the data up where it was left.
//!
//! Started by root, Postgres runs as the system user `postgres` or `nobody`, since it refuses root.
//!
//! Never here: what the database is for. Tables come from `catalog`'s migrations.

mod account;
mod binaries;
mod cluster;
mod config;
mod error;
mod initialise;
mod leash;
mod node;
mod owner;
mod prepare;
mod process;
mod replicate;
mod settings;
mod tool;

pub use binaries::{Binaries, OLDEST_MAJOR};
pub use cluster::{Cluster, Node};
pub use config::{ClusterConfig, Passwords};
pub use error::Error;
