//! A service as a child process: started, listened to, started again when it
//! ends, and stopped when told.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::book::Book;
use super::logline::LogLine;
use super::output::Output;
use super::stale::{PidFolder, signal};

/// Last lines kept to say why a service did not start.
const LAST_WORDS: usize = 5;
/// Longer log lines are read as several.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    /// Such as `app-1`.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) config: PathBuf,
}

/// What every supervisor shares.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) book: Arc<Book>,
    pub(crate) pids: PidFolder,
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Run,
    /// SIGTERM, and SIGKILL after so long.
    Stop(Duration),
}

/// A service that is kept running until [`Supervised::stop`]. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Supervised {
    /// Such as `app-1`.
    pub(crate) name: String,
    order: watch::Sender<Order>,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts the service; the book tells what becomes of it.
    pub(crate) fn start(spec: Spec, shared: Shared) -> Self {
        let (order, orders) = watch::channel(Order::Run);
        Self {
            name: spec.name.clone(),
            order,
            task: tokio::spawn(keep_running(spec, shared, orders)),
        }
    }

    /// Lets the service drain for `deadline`, then kills it; returns when it is gone.
    pub(crate) async fn stop(mut self, deadline: Duration) {
        self.order.send_replace(Order::Stop(deadline));
        let _ = (&mut self.task).await;
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_running(spec: Spec, shared: Shared, mut orders: watch::Receiver<Order>) {
    let name = spec.name.as_str();
    let mut backoff = Backoff::default();
    loop {
        let started = Instant::now();
        let (status, last_words) = match Process::spawn(&spec, &shared) {
            Ok(process) => match process.run(&shared, &mut orders).await {
                Ended::ByItself { status, last_words } => (status, last_words),
                Ended::AsTold => return,
            },
            Err(error) => (format!("cannot run {}: {error}", spec.program.display()), String::new()),
        };
        let never_ready = shared.book.now(name).is_none_or(|now| now.starts <= 1 && !now.ready);
        shared.book.change(name, |now| {
            now.pid = None;
            now.ready = false;
            now.failed = never_ready.then(|| format!("{status}{last_words}"));
        });
        if never_ready {
            return;
        }
        let wait = backoff.after(started.elapsed());
        let text = format!("{name} ended ({status}); starting it again in {} ms", wait.as_millis());
        shared.output.say("up", &text);
        tokio::select! {
            () = sleep(wait) => {}
            _ = told_to_stop(&mut orders) => return,
        }
    }
}

/// Waits for the order to stop and gives its deadline.
async fn told_to_stop(orders: &mut watch::Receiver<Order>) -> Duration {
    match orders.wait_for(|order| *order != Order::Run).await.as_deref() {
        Ok(Order::Stop(deadline)) => *deadline,
        // Whoever gave the orders is gone.
        Ok(Order::Run) | Err(_) => Duration::ZERO,
    }
}

enum Ended {
    AsTold,
    ByItself {
        status: String,
        /// What it said last, to follow the status; empty when it said nothing.
        last_words: String,
    },
}

struct Process {
    name: String,
    child: Child,
    pid: u32,
    listener: JoinHandle<VecDeque<String>>,
}

impl Process {
    fn spawn(spec: &Spec, shared: &Shared) -> std::io::Result<Self> {
        let mut command = std::process::Command::new(&spec.program);
        // Ctrl-C reaches every process of the terminal's group: ours must not stop before we say so.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = Command::from(command)
            .arg("--config")
            .arg(&spec.config)
            .args(["--log-format", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().ok_or_else(|| std::io::Error::other("ended at once"))?;
        shared.pids.note(&spec.name, pid, &spec.config)?;
        shared.book.change(&spec.name, |now| {
            now.pid = Some(pid);
            now.listening.clear();
            now.ready = false;
            now.starts += 1;
        });
        let stderr = child
            .stderr
            .take()
            .ok_or_else(|| std::io::Error::other("no standard error"))?;
        Ok(Self {
            name: spec.name.clone(),
            child,
            pid,
            listener: tokio::spawn(listen(spec.name.clone(), stderr, shared.clone())),
        })
    }

    async fn run(mut self, shared: &Shared, orders: &mut watch::Receiver<Order>) -> Ended {
        let (ended, status) = tokio::select! {
            status = self.child.wait() => (None, status),
            deadline = told_to_stop(orders) => {
                (Some(Ended::AsTold), self.end(deadline, &shared.output).await)
            }
        };
        shared.pids.forget(&self.name);
        // The pipe closes with the process, unless a child of its own still holds it.
        let last_words = timeout(Duration::from_millis(500), &mut self.listener).await;
        shared.book.change(&self.name, |now| now.pid = None);
        ended.unwrap_or_else(|| Ended::ByItself {
            status: match status {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
            last_words: joined(last_words.ok().and_then(Result::ok).unwrap_or_default()),
        })
    }

    async fn end(&mut self, deadline: Duration, output: &Output) -> std::io::Result<ExitStatus> {
        signal(self.pid, Signal::TERM);
        if let Ok(status) = timeout(deadline, self.child.wait()).await {
            return status;
        }
        output.say(
            "up",
            &format!("{} did not end within {} s: killed", self.name, deadline.as_secs()),
        );
        signal(self.pid, Signal::KILL);
        self.child.wait().await
    }
}

fn joined(last_words: VecDeque<String>) -> String {
    match Vec::from(last_words).join("\n") {
        words if words.is_empty() => words,
        words => format!(": {words}"),
    }
}

/// Passes the log on, notes what it tells, and gives the last lines that were no events.
async fn listen(name: String, stderr: ChildStderr, shared: Shared) -> VecDeque<String> {
    let mut last_words = VecDeque::new();
    let mut reader = BufReader::new(stderr);
    let mut bytes = Vec::new();
    while let Ok(1..) = (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes).await {
        let line = LogLine::parse(String::from_utf8_lossy(&bytes).trim_end());
        bytes.clear();
        if let Some((what, addr)) = line.listening() {
            shared
                .book
                .change(&name, |now| now.listening.push((what.to_owned(), addr)));
        }
        if line.is_ready() {
            shared.book.change(&name, |now| now.ready = true);
        }
        if line.level().is_none_or(|level| level == "ERROR") {
            if last_words.len() == LAST_WORDS {
                last_words.pop_front();
            }
            last_words.push_back(line.text());
        }
        shared.output.service(&name, &line);
    }
    last_words
}

#[cfg(test)]
#[path = "supervise_tests.rs"]
mod tests;
