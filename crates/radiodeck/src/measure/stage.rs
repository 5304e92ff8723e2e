//! A stack of its own for a benchmark or drill: fresh, in a temporary folder, on
//! free ports, gone afterwards.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Error, cpu};
use crate::up::{Interrupt, Layout, Options, Output, Stack, State, node_pid};

/// A stack at rest uses less than this of one core.
const IDLE: f64 = 0.03;
/// Of one core; what others use above it shows in latencies.
const OTHERS: f64 = 0.2;
const LOOK: Duration = Duration::from_millis(500);
const SETTLE_DEADLINE: Duration = Duration::from_secs(60);

/// A running stack.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    pub(crate) state: State,
    folder: TempDir,
}

impl Stage {
    /// Brings a stack up with the starter catalogue. An interrupted start leaves nothing behind.
    pub(crate) async fn set(apps: usize, interrupt: &mut Interrupt) -> Result<Self, Error> {
        let cannot = |error: std::io::Error| Error::CannotRun(format!("no temporary folder: {error}"));
        // Started by root, Postgres is another user and must get at its data.
        let folder = tempfile::Builder::new()
            .prefix("radiodeck-")
            .permissions(PermissionsExt::from_mode(0o755))
            .tempdir()
            .map_err(cannot)?;
        let log = File::create(folder.path().join("log")).map_err(cannot)?;
        let options = Options {
            layout: Layout::find(Some(folder.path()))?,
            apps,
            http_port: 0,
            https_port: 0,
            dns_port: 0,
            build: true,
        };
        let mut stack = Stack::prepare(options, Output::file(log))?;
        let outcome = tokio::select! {
            up = stack.bring_up() => up.map_err(Error::from),
            () = interrupt.wait() => Err(Error::Interrupted),
        };
        match outcome {
            Ok(state) => Ok(Self { stack, state, folder }),
            Err(error) => {
                stack.stop().await;
                Err(error)
            }
        }
    }

    /// Stops the stack and removes its folder.
    pub(crate) async fn strike(self) {
        self.stack.stop().await;
        if let Err(error) = self.folder.close() {
            tracing::warn!(%error, "cannot remove the temporary folder");
        }
    }

    /// Waits until nothing is left of what came before: vacuum, replay, checkpoints. False when it did not come to rest
    /// in time.
    pub(crate) async fn settle(&self) -> bool {
        let end = Instant::now() + SETTLE_DEADLINE;
        let mut before = self.cpu();
        while Instant::now() < end {
            tokio::time::sleep(LOOK).await;
            let now = self.cpu();
            match (before, now) {
                (Some(before), Some(now)) => {
                    if now.total().saturating_sub(before.total()).as_secs_f64() < IDLE * LOOK.as_secs_f64() {
                        return true;
                    }
                }
                _ => return true,
            }
            before = now;
        }
        false
    }

    /// CPU time that each tier has used so far; `None` where the system does not tell.
    pub(crate) fn cpu(&self) -> Option<TierCpu> {
        let state = self.stack.book().state()?;
        let services = |wanted: fn(&str) -> bool| {
            state
                .services
                .iter()
                .filter(|service| wanted(&service.name))
                .map(|service| cpu::of_tree(service.pid?))
                .sum::<Option<Duration>>()
        };
        let postgres = state
            .postgres
            .iter()
            .map(|node| cpu::of_tree(node_pid(&node.host, node.port)?));
        Some(TierCpu {
            machine: cpu::of_machine()?,
            lb: services(|name| name.starts_with("lb-"))?,
            app: services(|name| name.starts_with("app-"))?,
            postgres: postgres.sum::<Option<Duration>>()?,
        })
    }
}

/// CPU time by tier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TierCpu {
    /// Of everything on this machine.
    machine: Duration,
    /// Of both balancers: a load goes to the first, the second checks the app servers.
    pub(crate) lb: Duration,
    pub(crate) app: Duration,
    pub(crate) postgres: Duration,
}

impl TierCpu {
    pub(crate) fn total(&self) -> Duration {
        self.lb + self.app + self.postgres
    }

    /// Why the figures since `before` may be somebody else's: `generator` is what the load itself used over `elapsed`.
    pub(crate) fn disturbed(&self, before: &Self, generator: Option<Duration>, elapsed: Duration) -> Option<String> {
        let used = self.machine.saturating_sub(before.machine);
        let ours = self.total().saturating_sub(before.total()) + generator.unwrap_or_default();
        let others = used.saturating_sub(ours).as_secs_f64() / elapsed.as_secs_f64();
        (others > OTHERS).then(|| {
            format!(
                "a quiet machine: other processes used {:.0}% of a core meanwhile",
                others * 100.0
            )
        })
    }

    /// What was used since `before`, milliseconds a request.
    pub(crate) fn ms_per_request(&self, before: &Self, requests: usize) -> [(&'static str, f64); 3] {
        let each = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() * 1000.0 / requests as f64;
        [
            ("balancer", each(self.lb, before.lb)),
            ("app", each(self.app, before.app)),
            ("Postgres", each(self.postgres, before.postgres)),
        ]
    }
}
