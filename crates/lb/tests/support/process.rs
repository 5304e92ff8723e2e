//! The real binary as a process, and those that take over from it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{App, PATIENCE, eventually, get};

/// A balancer's configuration, and all processes that run with it.
pub struct Process {
    pub directory: TempDir,
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
    /// Ends when every process that writes to the log has ended.
    reader: Option<JoinHandle<()>>,
}

fn file(directory: &Path) -> PathBuf {
    directory.join("lb.toml")
}

/// One pool with these servers for every host. `top` is more TOML for the whole.
pub fn configuration(apps: &[SocketAddr], top: &str) -> String {
    let servers: Vec<_> = apps.iter().map(|address| format!("\"{address}\"")).collect();
    format!(
        "listen = \"127.0.0.1:0\"\nworkers = 2\n{top}\n[[routes]]\nhost = \"*\"\npool = \"app\"\n\
         [[pools]]\nname = \"app\"\nservers = [{}]\ncheck.interval_ms = 50\ncheck.timeout_ms = 300\n",
        servers.join(", "),
    )
}

impl Process {
    /// Starts one in front of `app` and waits until it is ready.
    pub async fn in_front_of(app: &App, top: &str) -> Self {
        let process = Self::start(&configuration(&[app.address], top), |_, _| {});
        process.says("ready", 1).await;
        process
    }

    /// Starts one. `prepare` may change how, and knows the directory that is its own.
    pub fn start(toml: &str, prepare: impl FnOnce(&mut Command, &Path)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(
            file(directory.path()),
            toml.replace("DIRECTORY", &directory.path().display().to_string()),
        )
        .expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_radiodeck-lb"));
        command.arg("--config").arg(file(directory.path()));
        command.args(["--log-format", "json"]).stderr(Stdio::piped());
        prepare(&mut command, directory.path());
        let mut child = command.spawn().expect("started");
        let lines = BufReader::new(child.stderr.take().expect("piped"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let reader = std::thread::spawn({
            let log = log.clone();
            move || {
                for line in lines.lines().map_while(Result::ok) {
                    let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                    log.lock().expect("lock").push(event);
                }
            }
        });
        Self {
            directory,
            child,
            log,
            reader: Some(reader),
        }
    }

    /// Changes the file that the next one reads.
    pub fn configure(&self, toml: &str) {
        std::fs::write(file(self.directory.path()), toml).expect("written");
    }

    pub fn log(&self) -> Vec<Value> {
        self.log.lock().expect("lock").clone()
    }

    /// How often the processes have said so.
    pub fn said(&self, message: &str) -> usize {
        let said = |event: &&Value| event["message"].as_str().is_some_and(|text| text.starts_with(message));
        self.log().iter().filter(said).count()
    }

    pub async fn says(&self, message: &str, times: usize) {
        eventually(&format!("{message}, {times} times"), async || {
            if self.said(message) >= times {
                Ok(())
            } else {
                Err(format!("{:#?}", self.log()))
            }
        })
        .await;
    }

    /// Where the first one listens, and so all others. Its log must have said it.
    pub fn address(&self, what: &str) -> SocketAddr {
        let log = self.log();
        let mut listening = log
            .iter()
            .filter(|event| event["message"] == "listening" && event["what"] == what);
        let event = listening.next().unwrap_or_else(|| panic!("{log:#?}"));
        event["addr"].as_str().expect("an address").parse().expect("an address")
    }

    /// `/status` of the one that serves.
    pub async fn status(&self) -> Value {
        let answer = get(self.address("admin"), "a", "/status").await;
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// The process that serves.
    pub async fn pid(&self) -> u64 {
        self.status().await["pid"].as_u64().expect("a number")
    }

    /// Tells the one that serves to hand over, and waits until another one does.
    pub async fn hand_over(&self) -> u64 {
        let before = self.status().await;
        let done = self.said("the successor serves");
        self.signal(before["pid"].as_u64().expect("a number"), Signal::USR2);
        self.says("the successor serves", done + 1).await;
        let successor = async || {
            let status = self.status().await;
            if status["pid"] != before["pid"] {
                assert_eq!(
                    status["handovers"].as_u64(),
                    before["handovers"].as_u64().map(|n| n + 1)
                );
                return Ok(());
            }
            Err(format!("{before:#}"))
        };
        eventually("the successor answers for itself", successor).await;
        self.pid().await
    }

    pub fn signal(&self, pid: u64, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it runs");
    }

    /// How the first one ended, which must be about to.
    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("waitable") {
                return status;
            }
            assert!(Instant::now() < until, "it runs still: {:#?}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Those that the log tells of and that still run. A number may be another
    /// program's by now: only those count that were started with our file.
    pub fn successors(&self) -> Vec<Pid> {
        let log = self.log();
        let started = log.iter().filter(|event| event["message"] == "a successor starts");
        let pids = started.filter_map(|event| Pid::from_raw(i32::try_from(event["pid"].as_i64()?).ok()?));
        let ours = file(self.directory.path()).display().to_string();
        let runs = |pid: &Pid| {
            let number = pid.as_raw_nonzero().to_string();
            let shown = Command::new("ps").args(["-o", "args=", "-p", &number]).output();
            shown.is_ok_and(|shown| String::from_utf8_lossy(&shown.stdout).contains(&ours))
        };
        pids.filter(runs).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; the same below.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
        let until = Instant::now() + PATIENCE;
        // The log ends with the last of them, and tells of one that has just begun.
        while self.reader.as_ref().is_some_and(|reader| !reader.is_finished()) && Instant::now() < until {
            for pid in self.successors() {
                let _ended = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if std::thread::panicking() {
            let log = self.log();
            eprintln!("the log of all processes: {log:#?}");
        }
    }
}
