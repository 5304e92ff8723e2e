//! SIGUSR2: a successor takes over, and no connection is lost.
//!
//! This process starts its program anew, with the same arguments, the same
//! environment and copies of its listening sockets. The successor reads its
//! configuration, builds, waits until it is ready, begins to serve, and says so;
//! then this one drains. Until then everything stays as it was: if the successor
//! ends, or says nothing until the deadline, it is ended and this one serves on.
//!
//! The successor is a process of its own: it stays when this one has ended.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use thiserror::Error;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::notify::notify;
use crate::sockets::PREDECESSOR;
use crate::{Shutdown, Sockets, StartError};

/// The first descriptor that is given, by the protocol.
const FIRST: i32 = 3;
/// Counts the processes before this one, for those who look at it.
const HANDOVERS: &str = "RADIODECK_HANDOVERS";
/// All that is said.
const READY: &[u8] = b"READY=1";

/// How this process was started.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

/// What is needed to hand over.
pub(crate) struct Handover {
    pub(crate) program: Program,
    pub(crate) sockets: Sockets,
    pub(crate) shutdown: Shutdown,
    /// How long a successor may take to become ready.
    pub(crate) deadline: Duration,
}

/// Why there is no successor.
#[derive(Debug, Error)]
enum Failure {
    #[error("this is process 1, whose end is the container's: start a second container instead")]
    Init,
    #[error("this process ends already")]
    Ending,
    #[error(transparent)]
    Sockets(#[from] StartError),
    #[error("cannot start {path}: {source}")]
    Spawn { path: PathBuf, source: io::Error },
    #[error("the successor ended before it was ready ({0}); what it wrote to its log says why")]
    Ended(String),
    #[error("the successor was not ready within {0:?}, and was ended; what it wrote to its log says why")]
    Late(Duration),
}

/// How many processes there were before this one that handed over.
pub(crate) fn handovers() -> u64 {
    let number = env::var(HANDOVERS).ok().and_then(|number| number.parse().ok());
    number.unwrap_or(0)
}

/// From here on a SIGUSR2 no longer ends the process.
pub(crate) fn asked() -> Result<Signal, StartError> {
    signal(SignalKind::user_defined2()).map_err(|source| StartError::System {
        what: "cannot listen for SIGUSR2",
        source,
    })
}

/// Tells the predecessor that this process serves.
pub(crate) fn tell(predecessor: &UnixDatagram) {
    match predecessor.send(READY) {
        Ok(_) => info!("the predecessor was told to leave"),
        // It has died meanwhile: that makes no difference.
        Err(error) => warn!(%error, "the predecessor cannot be told to leave"),
    }
}

impl Program {
    /// To be asked when the process begins: later the file may be another.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let running = env::current_exe()?;
        // As it was called: that may be a link, which leads to a new version by now.
        let called = env::args_os().next().map(PathBuf::from).unwrap_or_default();
        let path = match called.canonicalize() {
            Ok(file) if called.parent() != Some(Path::new("")) && file == running => std::path::absolute(called)?,
            _ => running,
        };
        Ok(Self {
            path,
            arguments: env::args_os().skip(1).collect(),
        })
    }
}

impl Handover {
    /// Hands over when asked; asked again when that has failed, it tries again.
    pub(crate) async fn on(self, mut asked: Signal) {
        while asked.recv().await.is_some() {
            info!(program = %self.program.path.display(), "SIGUSR2: starting a successor");
            match self.hand_over().await {
                Ok(pid) => {
                    info!(pid, "the successor serves: draining");
                    // systemd follows the one process that it knows.
                    notify(&format!("MAINPID={pid}"));
                    self.shutdown.hand_over();
                    return;
                }
                Err(error) => error!(%error, "not handed over: this process serves on"),
            }
        }
    }

    /// Starts a successor and waits until it serves. Answers its process id.
    async fn hand_over(&self) -> Result<u32, Failure> {
        if std::process::id() == 1 {
            return Err(Failure::Init);
        }
        let (ours, theirs) = UnixDatagram::pair().map_err(system)?;
        ours.set_nonblocking(true).map_err(system)?;
        let word = tokio::net::UnixDatagram::from_std(ours).map_err(system)?;
        let mut child = self.start(theirs)?;
        let pid = child.id().unwrap_or_default();
        info!(pid, "a successor starts");
        let mut buffer = [0; READY.len()];
        let failure = tokio::select! {
            biased;
            Ok(_) = word.recv(&mut buffer) => return Ok(pid),
            status = child.wait() => return Err(Failure::Ended(match status {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            })),
            () = self.shutdown.begun() => Failure::Ending,
            () = sleep(self.deadline) => Failure::Late(self.deadline),
        };
        if let Err(error) = child.kill().await {
            warn!(pid, %error, "the successor cannot be ended");
        }
        Err(failure)
    }

    fn start(&self, word: UnixDatagram) -> Result<Child, Failure> {
        let mut given = self.sockets.for_successor().ok_or(Failure::Ending)??;
        given.push((PREDECESSOR.into(), word.into()));
        let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
        let mut command = Command::new(&self.program.path);
        command
            .args(&self.program.arguments)
            .env("LISTEN_FDS", names.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            // Nobody knows it before the process is there. Absent, it is not looked at.
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDS_FIRST_FD")
            .env(HANDOVERS, (handovers() + 1).to_string());
        let mappings = given
            .into_iter()
            .zip(FIRST..)
            .map(|((_, parent_fd), child_fd)| FdMapping { parent_fd, child_fd });
        let spawned = match command.as_std_mut().fd_mappings(mappings.collect()) {
            Ok(_) => command.spawn(),
            Err(collision) => Err(io::Error::other(collision)),
        };
        spawned.map_err(|source| Failure::Spawn {
            path: self.program.path.clone(),
            source,
        })
    }
}

fn system(source: io::Error) -> Failure {
    Failure::Sockets(StartError::System {
        what: "cannot make a way to the successor",
        source,
    })
}
