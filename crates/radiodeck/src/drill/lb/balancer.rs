//! The balancer of a drill: the program as it is delivered, with its default
//! configuration, seen from outside by its `/status`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::measure::Error;
use crate::measure::http::ask;
use crate::measure::load::Target;
use crate::up::{Leash, LogLine, Output, PidFolder, Programs};

const READY_DEADLINE: Duration = Duration::from_secs(10);
const STATUS_DEADLINE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);
const NAME: &str = "lb";

/// What is needed to start it, in a folder that goes in the end.
pub(super) struct Ground {
    program: PathBuf,
    pids: PidFolder,
    _leash: Leash,
    folder: tempfile::TempDir,
}

impl Ground {
    pub(super) fn prepare() -> Result<Self, Error> {
        let cannot = |error: std::io::Error| Error::CannotRun(format!("no temporary folder: {error}"));
        let folder = tempfile::Builder::new()
            .prefix("radiodeck-")
            .tempdir()
            .map_err(cannot)?;
        let log = std::fs::File::create(folder.path().join("build.log")).map_err(cannot)?;
        let program = Programs::balancer(&Output::file(log))?;
        let pids = PidFolder::make(&folder.path().join("pids")).map_err(cannot)?;
        let leash = Leash::tie(&pids)?;
        Ok(Self {
            program,
            pids,
            _leash: leash,
            folder,
        })
    }
}

/// Dropping it kills it.
pub(super) struct Balancer<'a> {
    pub(super) http: SocketAddr,
    admin: SocketAddr,
    process: Child,
    ground: &'a Ground,
}

/// `/status`, as far as a drill reads it.
#[derive(Debug, Deserialize)]
struct Status {
    lb: Pools,
}

#[derive(Debug, Deserialize)]
struct Pools {
    pools: Vec<Pool>,
}

/// The pool of the drill.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pool {
    pub(super) retries: u64,
    pub(super) redispatches: u64,
    pub(super) ejections: u64,
    pub(super) budget_exhausted: u64,
    pub(super) servers: Vec<Server>,
}

/// A server as the balancer sees it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) state: String,
    pub(super) in_rotation: bool,
    healthy: bool,
}

impl Pool {
    pub(super) fn server(&self, address: SocketAddr) -> Result<&Server, Error> {
        let found = self.servers.iter().find(|server| server.address == address);
        found.ok_or_else(|| Error::CannotRun(format!("the balancer does not know {address}")))
    }
}

fn configuration(servers: &[SocketAddr], hedging: bool) -> String {
    let servers: Vec<_> = servers.iter().map(|server| format!("\"{server}\"")).collect();
    let hedge = if hedging { "[pools.hedge]\nenabled = true\n" } else { "" };
    format!(
        "listen = \"127.0.0.1:0\"\n[service]\nadmin_listen = \"127.0.0.1:0\"\nlog_format = \"json\"\n\
         [[pools]]\nname = \"drill\"\nservers = [{}]\n{hedge}[[routes]]\nhost = \"*\"\npool = \"drill\"\n",
        servers.join(", ")
    )
}

impl<'a> Balancer<'a> {
    /// Starts one in front of `servers` and waits until it has found all of them well.
    pub(super) async fn start(ground: &'a Ground, servers: &[SocketAddr], hedging: bool) -> Result<Self, Error> {
        let cannot = |error: std::io::Error| Error::CannotRun(format!("the balancer does not start: {error}"));
        let config = ground.folder.path().join("lb.toml");
        let log = ground.folder.path().join("lb.log");
        std::fs::write(&config, configuration(servers, hedging)).map_err(cannot)?;
        let output = std::fs::File::create(&log).map_err(cannot)?;
        let process = Command::new(&ground.program)
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            // Ctrl-C is for the drill alone.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot)?;
        let pid = process.id().unwrap_or_default();
        ground.pids.note(NAME, pid, &config).map_err(cannot)?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut balancer = Self {
            http: nowhere,
            admin: nowhere,
            process,
            ground,
        };
        let mut why = Error::CannotRun("the balancer does not say where it listens".into());
        let end = Instant::now() + READY_DEADLINE;
        while Instant::now() < end {
            sleep(LOOK).await;
            if let Ok(Some(status)) = balancer.process.try_wait() {
                return Err(Error::CannotRun(format!("the balancer ended with {status}")));
            }
            balancer.read_addresses(&log);
            if balancer.http.port() == 0 || balancer.admin.port() == 0 {
                continue;
            }
            match balancer.pool().await {
                Ok(pool) if pool.servers.iter().all(|server| server.healthy && server.in_rotation) => {
                    return Ok(balancer);
                }
                Ok(pool) => why = Error::CannotRun(format!("the balancer does not find all servers well: {pool:?}")),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn read_addresses(&mut self, log: &Path) {
        for line in std::fs::read_to_string(log).unwrap_or_default().lines() {
            match LogLine::parse(line).listening() {
                Some(("http", at)) => self.http = at,
                Some(("admin", at)) => self.admin = at,
                _ => {}
            }
        }
    }

    /// Its pool as it is now.
    pub(super) async fn pool(&self) -> Result<Pool, Error> {
        let cannot = |why: &dyn std::fmt::Display| Error::CannotRun(format!("/status of the balancer: {why}"));
        let answer = ask(self.admin, &Target::get("admin", "/status"), STATUS_DEADLINE).await;
        let answer = answer.map_err(|error| cannot(&error))?;
        let status: Status = serde_json::from_slice(&answer.body).map_err(|error| cannot(&error))?;
        status
            .lb
            .pools
            .into_iter()
            .next()
            .ok_or_else(|| cannot(&"there is no pool"))
    }

    /// Waits until a server is in rotation; an error after `deadline`.
    pub(super) async fn wait_until_back(&self, address: SocketAddr, deadline: Duration) -> Result<(), Error> {
        let end = Instant::now() + deadline;
        while Instant::now() < end {
            if self.pool().await?.server(address)?.in_rotation {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        Err(Error::CannotRun(format!(
            "{address} was started again and not taken back within {} s",
            deadline.as_secs()
        )))
    }

    /// Waits until a server is out of rotation; answers when, and in which state it is. `None` at `end`.
    pub(super) async fn wait_until_out(
        &self,
        address: SocketAddr,
        end: Instant,
    ) -> Result<Option<(Instant, String)>, Error> {
        while Instant::now() < end {
            let pool = self.pool().await?;
            let server = pool.server(address)?;
            if !server.in_rotation {
                return Ok(Some((Instant::now(), server.state.clone())));
            }
            sleep(LOOK).await;
        }
        Ok(None)
    }
}

impl Drop for Balancer<'_> {
    fn drop(&mut self) {
        self.ground.pids.forget(NAME);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_addresses_is_set() {
        let servers = ["127.0.0.11:1", "127.0.0.12:2"].map(|server| server.parse().expect("an address"));
        let config: toml::Table = configuration(&servers, false).parse().expect("TOML");
        let mut keys: Vec<_> = config.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["listen", "pools", "routes", "service"]);
        let pool = config["pools"][0].as_table().expect("a pool");
        assert_eq!(pool.len(), 2, "{pool:?}");
        assert_eq!(pool["servers"][1].as_str(), Some("127.0.0.12:2"));
        let hedged: toml::Table = configuration(&servers, true).parse().expect("TOML");
        assert_eq!(hedged["pools"][0]["hedge"]["enabled"].as_bool(), Some(true));
    }
}
