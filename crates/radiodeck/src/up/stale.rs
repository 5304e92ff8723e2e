//! Processes that an earlier run left behind because it was killed.
//!
//! Each run writes the process id of each service into a folder of its own,
//! beside the configuration file that the service was started with. A process
//! is ours only if its command line names that file: process ids are used again,
//! and a stranger must not be killed for having one of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a process left behind may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The process ids of one run.
#[derive(Debug, Clone)]
pub(crate) struct PidFolder {
    folder: PathBuf,
}

/// A process that an earlier run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stale {
    /// Name of the service.
    pub(crate) name: String,
    /// Its process id.
    pub(crate) pid: u32,
}

impl PidFolder {
    /// The folder of this run below `pids`.
    pub(crate) fn make(pids: &Path) -> std::io::Result<Self> {
        let folder = pids.join(std::process::id().to_string());
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// An existing folder.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Folders of all runs below `pids`.
    pub(crate) fn all(pids: &Path) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(pids) else {
            return Vec::new();
        };
        entries.filter_map(|entry| Some(Self::at(entry.ok()?.path()))).collect()
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Notes that `name` runs as `pid` with the configuration `config`.
    pub(crate) fn note(&self, name: &str, pid: u32, config: &Path) -> std::io::Result<()> {
        super::state::write_whole(&self.folder.join(name), &format!("{pid}\n{}\n", config.display()))
    }

    /// Notes that `name` has ended.
    pub(crate) fn forget(&self, name: &str) {
        let _ = fs::remove_file(self.folder.join(name));
    }

    /// Forgets the folder.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Processes that are noted here, still there and ours.
    pub(crate) fn running(&self) -> Vec<Stale> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let (pid, config) = parse(&fs::read_to_string(&path).ok()?)?;
                is_ours(&command_line(pid)?, &config).then(|| Stale {
                    name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                    pid,
                })
            })
            .collect()
    }

    /// Kills what still runs, at once.
    pub(crate) fn kill_all(&self) {
        for one in self.running() {
            signal(one.pid, Signal::KILL);
        }
    }

    /// Ends what still runs, the balancers first, and forgets the folder. Gives what was ended. Blocks for some
    /// seconds at the most.
    pub(crate) fn end_all(&self) -> Vec<Stale> {
        let mut stale = self.running();
        stale.sort_by_key(|stale| !stale.name.starts_with("lb-"));
        for one in &stale {
            signal(one.pid, Signal::TERM);
        }
        let end = Instant::now() + PATIENCE;
        // One that has ended and that nobody has taken note of has no command line any more.
        while Instant::now() < end && !self.running().is_empty() {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill_all();
        self.remove();
        stale
    }
}

fn parse(text: &str) -> Option<(u32, String)> {
    let (pid, config) = text.split_once('\n')?;
    let config = config.trim_end_matches('\n');
    (!config.is_empty()).then_some((pid.parse().ok()?, config.to_owned()))
}

/// Arguments of a process; `None` when it is gone.
fn command_line(pid: u32) -> Option<Vec<String>> {
    if let Ok(bytes) = fs::read(format!("/proc/{pid}/cmdline")) {
        let arguments = bytes.split(|byte| *byte == 0);
        return Some(arguments.map(|a| String::from_utf8_lossy(a).into_owned()).collect());
    }
    // Without /proc (macOS): ps parts arguments by blanks, so the whole line is one argument.
    let output = std::process::Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!line.is_empty()).then(|| vec![line])
}

/// A program that gives itself a title, as nginx does, has all its arguments in the first, as ps gives them.
fn is_ours(arguments: &[String], config: &str) -> bool {
    let titled = arguments.first().is_some_and(|title| title.contains(config));
    titled || arguments.iter().any(|argument| argument == config)
}

/// Sends a signal; a process that is gone needs none.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    /// A process with `argument` on its command line that waits for the end of its input.
    fn sleeper(argument: &str) -> Child {
        let child = Command::new("sh")
            .args(["-c", "read -r _", "sh", argument])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("sh runs");
        // The system shows a new command line a moment after the program has begun.
        let end = Instant::now() + Duration::from_secs(10);
        while !command_line(child.id()).is_some_and(|arguments| is_ours(&arguments, argument)) {
            assert!(Instant::now() < end, "{:?}", command_line(child.id()));
            std::thread::yield_now();
        }
        child
    }

    #[test]
    fn a_process_left_behind_is_ended() {
        let pids = tempfile::tempdir().expect("a folder");
        let mut left_behind = sleeper("/data/run/app-1.toml");
        let folder = PidFolder::make(pids.path()).expect("made");
        folder
            .note("app-1", left_behind.id(), Path::new("/data/run/app-1.toml"))
            .expect("noted");
        // Somebody must take note of its end, as init does for orphans.
        let pid = left_behind.id();
        // Waiting closes what is still open to the process, which would end it.
        let input = left_behind.stdin.take();
        let waiter = std::thread::spawn(move || left_behind.wait().expect("ended"));
        let ended = PidFolder::all(pids.path())
            .iter()
            .flat_map(PidFolder::end_all)
            .collect::<Vec<_>>();
        assert_eq!(
            ended,
            [Stale {
                name: "app-1".into(),
                pid
            }]
        );
        drop(input);
        assert!(!waiter.join().expect("waited").success());
        assert!(PidFolder::all(pids.path()).is_empty());
    }

    #[test]
    fn a_stranger_with_one_of_our_ids_is_left_alone() {
        let pids = tempfile::tempdir().expect("a folder");
        let mut stranger = sleeper("/somebody/else.toml");
        let folder = PidFolder::make(pids.path()).expect("made");
        folder
            .note("app-1", stranger.id(), Path::new("/data/run/app-1.toml"))
            .expect("noted");
        assert_eq!(folder.end_all(), []);
        assert!(stranger.try_wait().expect("asked").is_none(), "the stranger was ended");
        drop(stranger.stdin.take());
        stranger.wait().expect("ended by itself");
    }

    #[test]
    fn a_garbled_note_is_no_process() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("12"), None);
        assert_eq!(parse("x\n/a.toml\n"), None);
        assert_eq!(parse("12\n/a.toml\n"), Some((12, "/a.toml".into())));
    }
}
