//! The command `docker`, never waited for without an end: a build or an engine that hangs becomes a test that says so.
//!
//! Output goes to files, not to pipes: what `docker compose` starts may keep a pipe open after `docker compose` itself
//! has ended, and whoever reads to the end of it would then wait for that, too.

use std::fs::File;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// Whether it ended by itself and well.
    pub success: bool,
}

impl Said {
    /// All of it, as a failure shows it.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs `command` for `deadline` at most and gives back what it said; one that is not done by then is killed, and that
/// is written at the end of what it said.
///
/// # Panics
/// When it cannot be started.
pub fn run(command: &mut Command, deadline: Duration) -> Said {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let (stdout, stderr) = (folder.path().join("stdout"), folder.path().join("stderr"));
    command.stdout(File::create(&stdout).expect("a temporary file"));
    command.stderr(File::create(&stderr).expect("a temporary file"));
    let status = wait(command, deadline);
    let read = |path| String::from_utf8_lossy(&std::fs::read(path).expect("it was just written")).into_owned();
    let mut said = Said {
        stdout: read(stdout),
        stderr: read(stderr),
        success: status.is_some_and(|status| status.success()),
    };
    if status.is_none() {
        said.stderr += &late(command, deadline);
    }
    said
}

/// Runs `command` for `deadline` at most, with its output shown as it comes.
///
/// # Errors
/// How it failed, or that it was killed at the deadline.
///
/// # Panics
/// When it cannot be started.
pub fn show(command: &mut Command, deadline: Duration) -> Result<(), String> {
    match wait(command, deadline) {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("{command:?}: {status}")),
        None => Err(late(command, deadline)),
    }
}

fn wait(command: &mut Command, deadline: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + deadline;
    let mut child = command.stdin(Stdio::null()).spawn().expect("docker can be started");
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if Instant::now() > end {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child that was killed ends");
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn late(command: &Command, deadline: Duration) -> String {
    format!("\nnot done within {deadline:?}, and killed: {command:?}\n")
}
