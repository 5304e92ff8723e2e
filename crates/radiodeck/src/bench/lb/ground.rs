//! What all measurements of `bench lb` share: the programs, the servers behind
//! them, the cores, and a folder that goes in the end.

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;

use super::cores::Cores;
use super::origin::Origin;
use super::peers::{self, Program};
use super::{Options, tool};
use crate::measure::Error;
use crate::measure::report::Report;
use crate::up::{Leash, Output, PidFolder, Programs};

/// Servers behind a proxy where it is about spreading requests over them.
const SERVERS: usize = 3;

/// Dropping it ends and removes what is left.
pub(super) struct Ground {
    /// Ours first.
    pub(super) programs: Vec<Program>,
    pub(super) wrk: Option<PathBuf>,
    pub(super) h2load: Option<PathBuf>,
    pub(super) origin: Origin,
    pub(super) cores: Cores,
    pub(super) rounds: usize,
    pub(super) seconds: u16,
    pub(super) pids: PidFolder,
    started: Cell<usize>,
    _leash: Leash,
    folder: TempDir,
}

impl Ground {
    /// With the peers and the tools to compare ours with.
    pub(super) async fn prepare(options: &Options, report: &mut Report) -> Result<Self, Error> {
        let mut ground = Self::of_ours(options).await?;
        ground.programs.extend(peers::find(report));
        ground.wrk = find("wrk", "wrk", report);
        ground.h2load = find("h2load", "nghttp2-client", report);
        Ok(ground)
    }

    /// With nothing but ours.
    pub(super) async fn of_ours(options: &Options) -> Result<Self, Error> {
        let cannot = |error: std::io::Error| Error::CannotRun(format!("no temporary folder: {error}"));
        // Started by root, the workers of nginx are another user.
        let folder = tempfile::Builder::new()
            .prefix("radiodeck-")
            .permissions(PermissionsExt::from_mode(0o755))
            .tempdir()
            .map_err(cannot)?;
        let log = std::fs::File::create(folder.path().join("build.log")).map_err(cannot)?;
        // Built before the cores are divided: that takes all of them.
        let ours = Programs::balancer(&Output::file(log))?;
        let pids = PidFolder::make(&folder.path().join("pids")).map_err(cannot)?;
        let leash = Leash::tie(&pids)?;
        let cores = Cores::divide()?;
        Ok(Self {
            programs: vec![peers::ours(ours)],
            wrk: None,
            h2load: None,
            origin: Origin::start(SERVERS).await?,
            cores,
            rounds: options.rounds(),
            seconds: options.seconds(),
            pids,
            started: Cell::new(0),
            _leash: leash,
            folder,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A name that no other start of `kind` has.
    pub(super) fn name(&self, kind: peers::Kind) -> String {
        self.started.set(self.started.get() + 1);
        format!("{}-{}", kind.name(), self.started.get())
    }
}

fn find(name: &str, package: &str, report: &mut Report) -> Option<PathBuf> {
    let found = tool::find(name);
    if found.is_none() {
        report.unproven(format!(
            "{name}: NOT INSTALLED, so what it drives is not measured (Debian: apt-get install {package})"
        ));
    }
    found
}

/// Allows this process, and those that it starts, as many open files as it may have. Gives how many.
pub(super) fn raise_open_files() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
