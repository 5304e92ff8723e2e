//! The app servers of a drill: processes that can be killed, started again on
//! their address, and told to fail; and what they have seen.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::fault::Order;
use super::origin::{LISTENING, NAME};
use crate::measure::Error;

/// Behind the balancer.
pub(super) const SERVERS: u8 = 3;
const START_DEADLINE: Duration = Duration::from_secs(10);

/// How often the servers together have seen each path.
pub(super) type Seen = HashMap<String, usize>;

/// Dropping it ends them.
pub(super) struct Servers {
    servers: Vec<Server>,
    seen: Arc<Mutex<Seen>>,
    reading: Vec<JoinHandle<()>>,
}

struct Server {
    address: SocketAddr,
    process: Child,
}

impl Servers {
    /// Starts them all.
    pub(super) async fn start() -> Result<Self, Error> {
        let mut servers = Self {
            servers: Vec::new(),
            seen: Arc::default(),
            reading: Vec::new(),
        };
        for number in 0..SERVERS {
            // A port of an address that nobody connects from is free when the server comes back.
            let host = if cfg!(target_os = "linux") { 11 + number } else { 1 };
            let address = (Ipv4Addr::new(127, 0, 0, host), 0).into();
            let server = servers.spawn(address).await?;
            servers.servers.push(server);
        }
        Ok(servers)
    }

    async fn spawn(&mut self, address: SocketAddr) -> Result<Server, Error> {
        let cannot = |why: &dyn std::fmt::Display| Error::CannotRun(format!("an app server does not start: {why}"));
        let program = std::env::current_exe().map_err(|error| cannot(&error))?;
        let mut process = Command::new(program)
            .arg(NAME)
            .arg(address.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C is for the drill alone.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| cannot(&error))?;
        let output = process.stdout.take().ok_or_else(|| cannot(&"no output"))?;
        let mut lines = BufReader::new(output).lines();
        let first = timeout(START_DEADLINE, lines.next_line()).await;
        let address = match first {
            Ok(Ok(Some(line))) => line.strip_prefix(LISTENING).and_then(|address| address.parse().ok()),
            _ => None,
        };
        let address = address.ok_or_else(|| cannot(&"it does not say where it listens"))?;
        let seen = Arc::clone(&self.seen);
        self.reading.push(tokio::spawn(async move {
            while let Ok(Some(path)) = lines.next_line().await {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                *seen.entry(path).or_default() += 1;
            }
        }));
        Ok(Server { address, process })
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// Tells one what shall be wrong with it from now on.
    pub(super) async fn order(&mut self, number: usize, order: Order) -> Result<(), Error> {
        let input = self.servers[number].process.stdin.as_mut();
        let input = input.ok_or_else(|| Error::CannotRun("an app server has no input".into()))?;
        let written = input.write_all(order.line().as_bytes()).await;
        written.map_err(|error| Error::CannotRun(format!("an app server takes no order: {error}")))
    }

    /// Kills one (SIGKILL), as the loss of its process would.
    pub(super) async fn kill(&mut self, number: usize) -> Result<(), Error> {
        let killed = self.servers[number].process.kill().await;
        killed.map_err(|error| Error::CannotRun(format!("an app server cannot be killed: {error}")))
    }

    /// Starts one that was killed, where it was.
    pub(super) async fn restart(&mut self, number: usize) -> Result<(), Error> {
        let address = self.servers[number].address;
        self.servers[number] = self.spawn(address).await?;
        Ok(())
    }

    /// Ends them and gives all that they have seen.
    pub(super) async fn finish(mut self) -> Result<Seen, Error> {
        for number in 0..self.servers.len() {
            self.kill(number).await?;
        }
        for reading in self.reading.drain(..) {
            reading
                .await
                .map_err(|error| Error::CannotRun(format!("what a server saw is lost: {error}")))?;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut seen))
    }
}
