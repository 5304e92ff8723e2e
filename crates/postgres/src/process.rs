//! One server process: started, awaited, stopped, and for tests frozen or killed.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::node::Place;
use crate::owner::serves;
use crate::tool::Tools;

const POLL: Duration = Duration::from_millis(25);

/// A server that was started and has not been seen to end.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pid: Pid,
}

impl Running {
    /// Starts the server of `place` and waits until it takes connections.
    pub(crate) async fn start(tools: &Tools, place: &Place) -> Result<Self, Error> {
        let log = place.open_log()?;
        let path = tools.binaries.path("postgres");
        let child = tools
            .command(&path)
            .args(place.server_args())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(Error::file("open", place.log()))?)
            .stderr(log)
            .spawn()
            .map_err(Error::file("run", &path))?;
        let exited = |status: String| Error::Exited {
            node: place.name.clone(),
            status,
            log: place.log_tail(),
        };
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let mut running = Self {
            child,
            pid: pid.ok_or_else(|| exited("at once".into()))?,
        };
        let ready = async {
            loop {
                if let Some(status) = running.ended() {
                    return Err(exited(status.to_string()));
                }
                if status_line(&place.data(), running.pid).is_some_and(|line| line == "ready") {
                    return Ok(());
                }
                sleep(POLL).await;
            }
        };
        let outcome = timeout(tools.deadline, ready).await.unwrap_or_else(|_| {
            Err(Error::Deadline {
                what: format!("starting Postgres node {}", place.name),
                seconds: tools.deadline.as_secs(),
                log: place.log_tail(),
            })
        });
        if let Err(error) = outcome {
            running.stop(Duration::from_secs(2)).await;
            return Err(error);
        }
        Ok(running)
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Fast shutdown: sessions are ended, a checkpoint is written. Past the deadline the server is killed.
    pub(crate) async fn stop(&mut self, deadline: Duration) {
        self.thaw();
        signal(self.pid, Signal::INT);
        if timeout(deadline, self.child.wait()).await.is_err() {
            self.kill().await;
        }
    }

    /// As a machine dies: no process of the node says a word any more, and nothing is written.
    pub(crate) async fn kill(&mut self) {
        // The postmaster itself is let go last and by SIGQUIT, since it alone can free the shared memory.
        signal(self.pid, Signal::STOP);
        for child in children(self.pid) {
            signal(child, Signal::KILL);
        }
        signal(self.pid, Signal::QUIT);
        signal(self.pid, Signal::CONT);
        if timeout(Duration::from_secs(10), self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    /// Silence: connections stay open and new ones are taken by the kernel, but nobody answers.
    pub(crate) fn freeze(&self) {
        // First the postmaster, so that it starts no process that is missed.
        signal(self.pid, Signal::STOP);
        for child in children(self.pid) {
            signal(child, Signal::STOP);
        }
    }

    /// Ends a freeze.
    pub(crate) fn thaw(&self) {
        for child in children(self.pid) {
            signal(child, Signal::CONT);
        }
        signal(self.pid, Signal::CONT);
    }
}

/// Stops a server that an earlier process left behind; a note of one that is gone is removed. The number in the note
/// may be another process's by now, even another Postgres's: only one that works in this folder is touched.
pub(crate) async fn stop_orphan(place: &Place, deadline: Duration) -> Result<(), Error> {
    let file = place.data().join("postmaster.pid");
    let Ok(text) = std::fs::read_to_string(&file) else {
        return Ok(());
    };
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok());
    // 1 is never ours, and a number below 0 is what a server without a postmaster writes.
    let pid = pid.filter(|pid: &i32| *pid > 1).and_then(Pid::from_raw);
    let Some(pid) = pid.filter(|pid| serves(*pid, &place.data())) else {
        return std::fs::remove_file(&file).map_err(Error::file("remove", &file));
    };
    tracing::info!(node = place.name, "stopping a Postgres that an earlier run left behind");
    let gone = async {
        while test_kill_process(pid).is_ok() {
            sleep(POLL).await;
        }
    };
    tokio::pin!(gone);
    for how in [Signal::INT, Signal::QUIT] {
        signal(pid, how);
        signal(pid, Signal::CONT);
        if timeout(deadline, &mut gone).await.is_ok() {
            return Ok(());
        }
    }
    Err(Error::Deadline {
        what: format!(
            "stopping the Postgres of an earlier run (process {})",
            pid.as_raw_nonzero()
        ),
        seconds: deadline.as_secs(),
        log: place.log_tail(),
    })
}

fn signal(pid: Pid, signal: Signal) {
    // The only failure is that the process is gone, which is what the caller finds out next.
    let _ = kill_process(pid, signal);
}

/// The server's own word on its state: the eighth line of its pid file. One that was killed has left its last word
/// there, so the first line must be the process that is asked about.
fn status_line(data: &Path, pid: Pid) -> Option<String> {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let writer = text.lines().next()?.trim().parse().ok().and_then(Pid::from_raw);
    if writer != Some(pid) {
        return None;
    }
    Some(text.lines().nth(7)?.trim().to_owned())
}

/// Processes whose parent is `parent`.
fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero().get();
    let pairs = match std::fs::read_dir("/proc") {
        Ok(entries) => entries
            .flatten()
            .filter_map(|entry| {
                let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
                // Past the name, which may hold anything: state, then parent.
                let above = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
                Some((entry.file_name().to_str()?.parse().ok()?, above))
            })
            .collect(),
        Err(_) => ps_pairs(),
    };
    let of_parent = pairs.into_iter().filter(|(_, above)| *above == parent);
    of_parent.filter_map(|(pid, _)| Pid::from_raw(pid)).collect()
}

/// Where there is no /proc.
fn ps_pairs() -> Vec<(i32, i32)> {
    let Ok(output) = std::process::Command::new("ps")
        .args(["-A", "-o", "pid=,ppid="])
        .output()
    else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        })
        .collect()
}
