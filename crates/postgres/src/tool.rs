//! Runs one of Postgres's tools to its end, within a deadline.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::Error;

/// How much of what a tool printed goes into an error.
const MAX_OUTPUT_BYTES: usize = 2_000;

/// Binaries, the account they run as and how long each run may take.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) binaries: Binaries,
    pub(crate) account: Account,
    pub(crate) deadline: Duration,
}

impl Tools {
    /// A command that runs as the account, in a process group of its own: what the terminal sends to
    /// this process (Ctrl-C) must not reach the database before we have stopped what uses it.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = std::process::Command::new(program);
        command.current_dir("/").process_group(0).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LC_ALL", "C").env("TZ", "UTC");
        if let Some((user, group)) = self.account.become_ids {
            command.uid(user).gid(group);
        }
        Command::from(command)
    }

    /// Runs `tool` with `input` and gives what it printed to stdout.
    pub(crate) async fn run(&self, tool: &str, args: &[String], input: &str) -> Result<String, Error> {
        self.run_within(self.deadline, tool, args, input).await
    }

    /// Like [`Tools::run`], for what takes longer than other steps.
    pub(crate) async fn run_within(
        &self,
        deadline: Duration,
        tool: &str,
        args: &[String],
        input: &str,
    ) -> Result<String, Error> {
        let path = self.binaries.path(tool);
        let mut child = self
            .command(&path)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::file("run", &path))?;
        let stdin = child.stdin.take();
        let work = async {
            if let Some(mut stdin) = stdin {
                // A tool that ends early says why on stderr, which is better than a broken pipe.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            child.wait_with_output().await
        };
        let output = timeout(deadline, work)
            .await
            .map_err(|_| Error::Deadline {
                what: tool.to_owned(),
                seconds: deadline.as_secs(),
                log: String::new(),
            })?
            .map_err(Error::file("run", &path))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(stdout);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(Error::Tool {
            tool: tool.to_owned(),
            output: tail(&format!("{stderr}{stdout}"), MAX_OUTPUT_BYTES),
        })
    }
}

/// The end of a text, cut between characters.
pub(crate) fn tail(text: &str, bytes: usize) -> String {
    let text = text.trim();
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}
