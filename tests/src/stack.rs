//! The stack without Docker: `radiodeck up` with every port chosen by the system,
//! in a folder of its own, ended with the test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::binaries::binary;
use crate::scenarios::{Balancer, Doors};
use crate::tls::Browser;

/// A debug build that makes a database and two replicas first.
const START_DEADLINE: Duration = Duration::from_secs(180);
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// A running stack.
pub struct Stack {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    /// Its data folder.
    pub data: PathBuf,
    /// Where the first balancer listens.
    pub http: SocketAddr,
    /// Where both do; one that is started again is where it was.
    pub balancers: [Balancer; 2],
    /// Where the name server listens.
    pub dns: SocketAddr,
}

impl Stack {
    /// Starts the stack in `data` and waits until it is up.
    ///
    /// # Panics
    /// With everything the stack said, when it does not come up.
    pub async fn start(data: &Path) -> Self {
        let mut child = Command::new(binary("radiodeck"))
            .args([
                "up",
                "--http-port",
                "0",
                "--https-port",
                "0",
                "--dns-port",
                "0",
                "--log-format",
                "json",
                "--data",
            ])
            .arg(data)
            .env_remove("CARGO_MANIFEST_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("radiodeck starts");
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, mut up) = mpsc::unbounded_channel();
        follow(child.stdout.take().expect("piped"), said.clone(), lines.clone());
        follow(child.stderr.take().expect("piped"), said.clone(), lines);
        let event = timeout(START_DEADLINE, async {
            while let Some(line) = up.recv().await {
                if let Ok(event) = serde_json::from_str::<Value>(&line)
                    && event["message"] == "up"
                {
                    return Some(event);
                }
            }
            None
        })
        .await;
        let address = |event: &Value, key: &str| event[key].as_str().and_then(|text| text.parse().ok());
        match event {
            Ok(Some(event)) => Self {
                http: address(&event, "http").unwrap_or_else(|| panic!("no http in {event}")),
                balancers: ["lb-1", "lb-2"].map(|name| {
                    let part = part(data, name);
                    Balancer {
                        http: address(&part, "listen").unwrap_or_else(|| panic!("no listen in {part}")),
                        https: address(&part, "https").unwrap_or_else(|| panic!("no https in {part}")),
                    }
                }),
                dns: address(&event, "dns").unwrap_or_else(|| panic!("no dns in {event}")),
                child,
                said,
                data: data.to_owned(),
            },
            Ok(None) => panic!("radiodeck up ended:\n{}", said.lock().unwrap().join("\n")),
            Err(_) => panic!(
                "radiodeck up is not up after {START_DEADLINE:?}:\n{}",
                said.lock().unwrap().join("\n")
            ),
        }
    }

    /// A folder for the data of a stack: short, since Unix sockets lie in it, and
    /// open to the account that Postgres runs as.
    ///
    /// # Panics
    /// When none can be made.
    pub fn folder() -> TempDir {
        tempfile::Builder::new()
            .prefix("rd-")
            .tempdir()
            .expect("a temporary folder")
    }

    /// Its front doors.
    pub fn doors(&self) -> Doors {
        Doors {
            balancers: self.balancers,
            dns_udp: self.dns,
            dns_tcp: self.dns,
        }
    }

    /// A browser that trusts the stack's own authority.
    ///
    /// # Panics
    /// When that is not there.
    pub fn browser(&self) -> Browser {
        let ca = std::fs::read_to_string(self.data.join("tls/ca.pem")).expect("a CA");
        Browser::that_trusts(&ca)
    }

    /// The name of the site with the balancer's port, as a browser would send it.
    pub fn www(&self) -> String {
        format!("www.radiodeck.localhost:{}", self.http.port())
    }

    /// The name of the API with the balancer's port.
    pub fn api(&self) -> String {
        format!("api.radiodeck.localhost:{}", self.http.port())
    }

    /// What `run/state.json` says of the part `name`, such as `app-1` or `pg-2`.
    ///
    /// # Panics
    /// When there is no such part, with the whole file.
    pub fn part(&self, name: &str) -> Value {
        part(&self.data, name)
    }

    /// Sends `signal` to the process of the part `name`.
    ///
    /// # Panics
    /// When the part or its process is not there.
    pub fn signal(&self, name: &str, signal: &str) {
        let part = self.part(name);
        let pid = part["pid"]
            .as_u64()
            .unwrap_or_else(|| panic!("{name} has no pid: {part}"));
        let status = std::process::Command::new("kill")
            .args([&format!("-{signal}"), &pid.to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success(), "kill -{signal} {pid} ({name})");
    }

    /// Everything the stack said so far, a line each.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Ends `radiodeck up` alone, as a machine that runs out of memory would: what it
    /// started goes on without it.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub async fn kill_hard(&mut self) {
        self.child.kill().await.expect("killed");
    }

    /// Ends the stack with SIGTERM and waits for its drain.
    ///
    /// # Panics
    /// With everything it said, when it does not end well in time.
    pub async fn stop(mut self) {
        let pid = self.child.id().expect("still running");
        let kill = std::process::Command::new("kill").arg(pid.to_string()).status();
        assert!(kill.expect("kill runs").success(), "SIGTERM to {pid}");
        let ended = timeout(STOP_DEADLINE, self.child.wait()).await;
        match ended {
            Ok(Ok(status)) if status.success() => {}
            other => panic!("radiodeck up ended with {other:?}:\n{}", self.said().join("\n")),
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- what the stack said ---\n{}", self.said().join("\n"));
        }
        // A test that failed before `stop` still lets the stack end its own children.
        if let Some(pid) = self.child.id() {
            let _best_effort = std::process::Command::new("kill").arg(pid.to_string()).status();
            for _ in 0..200 {
                if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

fn part(data: &Path, name: &str) -> Value {
    let path = data.join("run/state.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let state: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    [&state["services"], &state["postgres"]]
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .find(|part| part["name"] == name)
        .cloned()
        .unwrap_or_else(|| panic!("no part {name} in {text}"))
}

fn follow(
    stream: impl AsyncRead + Unpin + Send + 'static,
    said: Arc<Mutex<Vec<String>>>,
    lines: mpsc::UnboundedSender<String>,
) {
    tokio::spawn(async move {
        let mut reader = BufReader::new(stream).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            said.lock().unwrap().push(line.clone());
            // Nobody listens any more once the stack is up.
            let _ = lines.send(line);
        }
    });
}
