//! On what and of what a figure was measured: without both it means nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// A machine as far as figures depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Model of the processor.
    pub(crate) cpu: String,
    /// Cores this process may use.
    pub(crate) cores: usize,
    /// Memory, bytes; 0 when unknown.
    pub(crate) memory_bytes: u64,
    /// Operating system and its version.
    pub(crate) kernel: String,
}

impl Machine {
    /// This machine. What it does not tell is "unknown" or 0.
    pub(crate) fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let system = rustix::system::uname();
        Self {
            cpu: field(&cpuinfo, "model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: field(&meminfo, "MemTotal")
                .and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok())
                .map_or(0, |kib| kib * 1024),
            kernel: format!(
                "{} {} {}",
                system.sysname().to_string_lossy(),
                system.release().to_string_lossy(),
                system.machine().to_string_lossy()
            ),
        }
    }
}

/// First value of `key: value` lines.
fn field(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

/// The commit that this program was built from, as far as the repository that it
/// lies in tells; a program installed elsewhere is taken to be of the
/// repository that we run in. `-dirty` when that has changes, `unknown` outside of one.
pub(crate) fn commit() -> String {
    let program = std::env::current_exe().ok();
    let folders = [program.as_deref().and_then(Path::parent), Some(Path::new("."))];
    let commit = folders.into_iter().flatten().find_map(commit_of);
    commit.unwrap_or_else(|| "unknown".into())
}

fn commit_of(folder: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(args).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    match git(&["status", "--porcelain"]) {
        Some(changes) if changes.is_empty() => Some(commit),
        _ => Some(format!("{commit}-dirty")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 85\nmodel name\t: A Processor: fast\nmodel name\t: B\n";
        assert_eq!(field(text, "model name").as_deref(), Some("A Processor: fast"));
        assert_eq!(field(text, "name"), None);
    }

    #[test]
    fn outside_of_a_repository_there_is_no_commit() {
        assert_eq!(commit_of(Path::new("/")), None);
        assert_eq!(commit_of(Path::new("/nowhere")), None);
    }

    #[test]
    fn this_machine_has_cores() {
        assert!(Machine::this().cores > 0);
    }
}
