//! Ends the services when `radiodeck up` is gone, even by SIGKILL.
//!
//! A second process of this program holds the reading end of a pipe whose
//! writing end only `up` has. When that closes, it ends what the run's pid
//! folder still names. (A parent-death signal would be Linux only and needs
//! unsafe code.) Should the leash be killed as well, the next `up` finds the pid
//! folder and does the same. Postgres has a leash of its own.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::Error;
use super::stale::PidFolder;

/// Name of the hidden subcommand.
pub(crate) const NAME: &str = "leash";

/// Arguments of the hidden subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct LeashArgs {
    /// Folder of the run's process ids.
    pids: PathBuf,
}

/// The leash of this run. Dropping it lets it go.
#[derive(Debug)]
pub(crate) struct Leash {
    process: Child,
}

impl Leash {
    pub(crate) fn tie(pids: &PidFolder) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(Error::OwnPath)?;
        let process = Command::new(&program)
            .arg(NAME)
            .arg(pids.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for `up` alone.
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Spawn { program, source })?;
        Ok(Self { process })
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The subcommand: waits for the end of `up` and cleans up after it.
pub(crate) fn run(args: &LeashArgs) {
    let mut nothing = Vec::new();
    // Nothing is ever written: this returns when the other end closes.
    let _ = std::io::stdin().read_to_end(&mut nothing);
    PidFolder::at(args.pids.clone()).end_all();
}
