//! A pool as all threads see it: its servers, which of them are in rotation, and
//! a version that tells workers when their own copy is out of date.

pub(crate) mod discovery;
mod ejection;
pub(crate) mod in_flight;
pub(crate) mod line;
pub(crate) mod operator;
pub(crate) mod outcome;
mod rotation;
pub(crate) mod server;
pub(crate) mod view;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use health::Transition;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::PoolConfig;
use crate::metrics::Traffic;
use crate::metrics::recent::Recent;
use crate::overload::Limiter;
use line::Line;
use operator::Words;
use outcome::Outcome;
use rotation::Rotation;
use server::Server;

/// A group of equal servers.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Its settings.
    pub(crate) config: PoolConfig,
    /// Numbers, a row a worker. Kept apart from the servers' so that they do
    /// not shrink when a server leaves.
    pub(crate) traffic: Arc<[Traffic]>,
    /// Requests that its servers may have at once.
    pub(crate) limiter: Arc<Limiter>,
    /// What they were a while ago.
    pub(crate) recent: Arc<Recent>,
    /// Ejections so far.
    pub(crate) ejections: Arc<AtomicU64>,
    /// Whose turn it is, over all workers: round robin that is round.
    pub(crate) turn: AtomicUsize,
    /// Where requests wait when every server has as many as it may.
    pub(crate) line: Arc<Line>,
    words: Arc<Words>,
    epoch: Instant,
    version: AtomicU64,
    members: Mutex<Vec<Arc<Server>>>,
    rotation: Mutex<Arc<Rotation>>,
    next_id: AtomicU64,
    closed: CancellationToken,
}

impl Pool {
    /// A pool without servers yet.
    pub(crate) fn new(config: PoolConfig, workers: usize) -> Self {
        Self {
            limiter: Arc::new(Limiter::new(&config.concurrency, workers)),
            line: Line::new(&config),
            words: Arc::default(),
            config,
            traffic: Traffic::rows(workers).into(),
            recent: Arc::default(),
            ejections: Arc::default(),
            turn: AtomicUsize::new(0),
            epoch: Instant::now(),
            version: AtomicU64::new(1),
            members: Mutex::default(),
            rotation: Mutex::default(),
            next_id: AtomicU64::new(1),
            closed: CancellationToken::new(),
        }
    }

    /// The pool that follows this one after a reload: other settings, the same
    /// servers with all that is known of them and was said of them, the same line,
    /// the same numbers.
    pub(crate) fn successor(&self, config: PoolConfig) -> Self {
        let members = self.members();
        for server in &members {
            server.set_rules(&config);
        }
        let limiter = if config.concurrency == self.config.concurrency {
            self.limiter.clone()
        } else {
            Arc::new(Limiter::new(&config.concurrency, self.traffic.len()))
        };
        self.line.set_rules(&config);
        let pool = Self {
            limiter,
            line: self.line.clone(),
            words: self.words.clone(),
            config,
            traffic: self.traffic.clone(),
            recent: self.recent.clone(),
            ejections: self.ejections.clone(),
            turn: AtomicUsize::new(self.turn.load(Ordering::Relaxed)),
            epoch: self.epoch,
            version: AtomicU64::new(1),
            members: Mutex::new(members),
            rotation: Mutex::default(),
            next_id: AtomicU64::new(self.next_id.load(Ordering::Relaxed)),
            closed: CancellationToken::new(),
        };
        pool.changed();
        pool
    }

    /// The pool is out of the plan: whoever looks after it ends. Requests that
    /// are under way are finished.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Resolves when the pool is out of the plan.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Changes whenever the rotation may have.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Something about the servers is different: makes the rotation anew.
    fn changed(&self) {
        let rotation = self.with_members(|members| {
            let rotation = Arc::new(Rotation::new(members, &self.config, self.now()));
            *self.rotation.lock().unwrap_or_else(PoisonError::into_inner) = rotation.clone();
            self.version.fetch_add(1, Ordering::Release);
            rotation
        });
        // There may be places now that nobody has to give back first.
        if self.line.is_waited_in() {
            for server in &rotation.chosen {
                self.line.serve(server);
            }
        }
    }

    /// Who takes turns, as of the last change.
    fn rotation(&self) -> Arc<Rotation> {
        self.rotation.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All servers, those that leave included, ordered by address.
    pub(crate) fn members(&self) -> Vec<Arc<Server>> {
        self.with_members(|members| members.clone())
    }

    fn with_members<T>(&self, f: impl FnOnce(&mut Vec<Arc<Server>>) -> T) -> T {
        f(&mut self.members.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The pool's clock.
    pub(crate) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Makes the pool consist of servers at these addresses, with these weights.
    /// Answers the servers that are new, which somebody must start to check. Those
    /// that are gone get no new requests and stay until their last answer is out.
    pub(crate) fn set_addresses(&self, addresses: &BTreeMap<SocketAddr, u32>) -> Vec<Arc<Server>> {
        let pool = self.config.name.as_str();
        let mut added = Vec::new();
        let mut changed = false;
        self.with_members(|members| {
            for server in members.iter() {
                let wanted = addresses.get(&server.address);
                changed |= wanted.is_some_and(|weight| server.set_weight(*weight));
                let wanted = wanted.is_some();
                if server.set_leaving(!wanted) {
                    changed = true;
                    if wanted {
                        info!(pool, server = %server.address, "server came back before it was drained");
                    } else {
                        info!(pool, server = %server.address, in_flight = server.in_flight(), "server left: draining");
                    }
                }
            }
            for (address, weight) in addresses {
                if !members.iter().any(|server| server.address == *address) {
                    let id = self.next_id.fetch_add(1, Ordering::Relaxed);
                    let server = Arc::new(Server::new(id, *address, &self.config, &self.line, self.traffic.len()));
                    server.set_weight(*weight);
                    server.set_admin(self.words.on(*address));
                    info!(pool, server = %address, "server found");
                    members.push(server.clone());
                    added.push(server);
                    changed = true;
                }
            }
            members.sort_by_key(|server| server.address);
        });
        if changed {
            self.changed();
        }
        added
    }

    /// Time has passed: takes samples, ends ejections that are over, begins those
    /// that errors ask for, lets shares grow, and forgets servers that left and owe nothing any
    /// more.
    pub(crate) fn tick(&self) {
        let now = self.now();
        let instant = self.epoch + now;
        self.recent.tick(&self.traffic, instant);
        let mut changed = false;
        self.with_members(|members| {
            for server in members.iter() {
                server.recent.tick(&server.traffic, instant);
                changed |= server.is_in_rotation() && server.share() != server.share_at(now, self.config.slow_start());
                if server.outlier(|outlier| outlier.tick(now)) {
                    server.end_ejection();
                    server.forget_errors();
                    info!(pool = self.config.name, server = %server.address, "server readmitted on trial");
                    changed = true;
                }
            }
            changed |= self.eject_for_errors(members, now);
            members.retain(|server| {
                let gone = server.is_leaving() && server.in_flight() == 0;
                if gone {
                    server.set_gone();
                    changed = true;
                    info!(pool = self.config.name, server = %server.address, "server drained and forgotten");
                }
                !gone
            });
        });
        if changed {
            self.changed();
        }
    }

    /// A probe of `server` ended.
    pub(crate) fn checked(&self, server: &Server, outcome: Outcome) {
        let pool = self.config.name.as_str();
        let transition = server.record_check(outcome.clone());
        // Probes saw it go and come back: what live traffic said is history.
        let returned = server.is_ejected() && server.has_returned(self.config.check.rise);
        if returned {
            let now = self.now();
            server.outlier(|outlier| outlier.readmit(now));
            server.end_ejection();
            server.forget_errors();
            info!(pool, server = %server.address, "server returned: readmitted");
        }
        match transition {
            Some(Transition::CameUp) => info!(pool, server = %server.address, "server is up"),
            Some(Transition::WentDown) => {
                warn!(pool, server = %server.address, reason = %outcome, "server is down");
            }
            None if returned => {}
            None => return,
        }
        self.changed();
        if self.members().iter().all(|server| !server.is_in_rotation()) {
            warn!(pool, "no server is healthy: requests go to all of them");
        }
    }
}

#[cfg(test)]
mod tests;
