//! A running proxy: started on its core, awaited until it serves, looked at from
//! outside, and ended with all its processes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::config::{Addresses, Setup, render};
use super::cores::Place;
use super::ground::Ground;
use super::peers::{Kind, Program};
use crate::measure::http::ask;
use crate::measure::load::Target;
use crate::measure::{Error, cpu, memory};
use crate::up::{LogLine, PidFolder, send_signal};

const READY_DEADLINE: Duration = Duration::from_secs(10);
const STOP_DEADLINE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);
/// A peer has to be told its port before it runs, and somebody else may take that meanwhile.
const ATTEMPTS: usize = 3;

/// Dropping it kills it.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) kind: Kind,
    pub(super) label: String,
    pub(super) at: Addresses,
    pid: u32,
    child: Child,
    /// Its entry among the processes on the leash.
    name: String,
    pids: PidFolder,
}

impl Proxy {
    /// Starts one and waits until requests come through it.
    pub(super) async fn start(
        ground: &Ground,
        program: &Program,
        setup: &Setup<'_>,
        place: Place,
    ) -> Result<Self, Error> {
        let attempts = if program.kind == Kind::Ours { 1 } else { ATTEMPTS };
        let mut outcome = Self::attempt(ground, program, setup, place).await;
        for _ in 1..attempts {
            if outcome.is_ok() {
                break;
            }
            outcome = Self::attempt(ground, program, setup, place).await;
        }
        outcome.map_err(|why| Error::CannotRun(format!("{} does not start: {why}", program.label)))
    }

    async fn attempt(ground: &Ground, program: &Program, setup: &Setup<'_>, place: Place) -> Result<Self, String> {
        let name = ground.name(program.kind);
        let config = ground.folder().join(format!("{name}.conf"));
        let log = ground.folder().join(format!("{name}.log"));
        let at = addresses(program.kind).map_err(|error| error.to_string())?;
        std::fs::write(&config, render(program.kind, setup, at, ground.folder())).map_err(|error| error.to_string())?;
        let output = std::fs::File::create(&log).map_err(|error| error.to_string())?;
        let mut command = Command::new(&program.path);
        command
            .args(program.kind.arguments(&config))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            // Ctrl-C is for us alone, and what it starts can be ended with it.
            .process_group(0)
            .kill_on_drop(true);
        let child = ground
            .cores
            .start(place, || command.spawn())
            .map_err(|error| error.to_string())?;
        let pid = child.id().unwrap_or_default();
        let mut proxy = Self {
            kind: program.kind,
            label: program.label.clone(),
            at,
            pid,
            child,
            name,
            pids: ground.pids.clone(),
        };
        proxy
            .pids
            .note(&proxy.name, pid, &config)
            .map_err(|error| error.to_string())?;
        match proxy.wait_until_it_serves(&log, setup.certificate.is_some()).await {
            Ok(()) => Ok(proxy),
            Err(why) => {
                let why = format!("{why}: {}", last_lines(&log));
                proxy.stop().await;
                Err(why)
            }
        }
    }

    async fn wait_until_it_serves(&mut self, log: &Path, tls: bool) -> Result<(), String> {
        let end = Instant::now() + READY_DEADLINE;
        let mut why = String::from("it does not say where it listens");
        while Instant::now() < end {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("it ended with {status}"));
            }
            if self.kind == Kind::Ours {
                self.read_addresses(log);
            }
            if self.at.http.port() != 0 && (self.at.https.port() != 0 || !tls) {
                match ask(self.at.http, &Target::get("bench", "/3"), Duration::from_secs(1)).await {
                    Ok(answer) if answer.status == 200 => return Ok(()),
                    Ok(answer) => why = format!("it answers {}", answer.status),
                    Err(error) => why = error,
                }
            }
            sleep(LOOK).await;
        }
        Err(why)
    }

    /// Ours takes any port and says which.
    fn read_addresses(&mut self, log: &Path) {
        for line in std::fs::read_to_string(log).unwrap_or_default().lines() {
            match LogLine::parse(line).listening() {
                Some(("http", at)) => self.at.http = at,
                Some(("https", at)) => self.at.https = at,
                _ => {}
            }
        }
    }

    /// CPU time that all its processes have used so far.
    pub(super) fn cpu(&self) -> Result<Duration, Error> {
        cpu::of_tree(self.pid).ok_or_else(|| self.gone("CPU time"))
    }

    /// Memory that all its processes hold, bytes.
    pub(super) fn memory(&self) -> Result<u64, Error> {
        memory::of_tree(self.pid).ok_or_else(|| self.gone("memory"))
    }

    /// The most memory that its first process has held, bytes.
    pub(super) fn peak_memory(&self) -> Result<u64, Error> {
        memory::peak_bytes(self.pid).ok_or_else(|| self.gone("memory"))
    }

    fn gone(&self, what: &str) -> Error {
        Error::CannotRun(format!(
            "no {what} of {}: it ended, or this system does not tell",
            self.label
        ))
    }

    /// Ends it and waits for that.
    pub(super) async fn stop(mut self) {
        send_signal(self.pid, Signal::TERM);
        if timeout(STOP_DEADLINE, self.child.wait()).await.is_err() {
            self.kill();
            let _ = self.child.wait().await;
        }
    }

    fn kill(&self) {
        // Without an id it has been waited for, and the number may be somebody else's by now.
        if let Some(group) = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.kill();
        self.pids.forget(&self.name);
    }
}

fn addresses(kind: Kind) -> std::io::Result<Addresses> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    if kind == Kind::Ours {
        return Ok(Addresses { http: any, https: any });
    }
    // Both held until both are known: they must differ.
    let (http, https) = (TcpListener::bind(any)?, TcpListener::bind(any)?);
    Ok(Addresses {
        http: http.local_addr()?,
        https: https.local_addr()?,
    })
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}
