//! A worker's own copy of a pool: the servers it has connections to and those
//! that take turns, rebuilt only when the pool's version changes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use health::Standing;

use super::Pool;
use super::server::Server;
use crate::hedge::Hedge;
use crate::metrics::Traffic;
use crate::overload::Gate;
use crate::upstream::idle::IdleStack;

/// One worker's copy of one pool.
pub(crate) struct PoolView {
    /// The pool all workers share.
    pub(crate) pool: Arc<Pool>,
    /// Lets in as many requests as its servers may have.
    pub(crate) gate: Gate,
    /// Second attempts, if the pool wants them.
    pub(crate) hedge: Option<Hedge>,
    version: Cell<u64>,
    links: RefCell<Vec<Rc<Link>>>,
    rotation: RefCell<Vec<Rc<Link>>>,
}

/// One worker's side of one server.
pub(crate) struct Link {
    /// The server all workers share.
    pub(crate) server: Arc<Server>,
    /// The pool's numbers, which stay when the server goes.
    pub(crate) totals: Arc<[Traffic]>,
    /// This worker's kept connections to it.
    pub(crate) idle: IdleStack,
}

impl PoolView {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self {
            gate: Gate::new(&pool.limiter),
            hedge: Hedge::new(pool.config.hedge),
            pool,
            version: Cell::new(0),
            links: RefCell::default(),
            rotation: RefCell::default(),
        }
    }

    /// This worker's numbers for the pool.
    pub(crate) fn traffic(&self, worker: usize) -> &Traffic {
        &self.pool.traffic[worker]
    }

    /// The server whose turn it is, none of `tried`. A retry prefers servers
    /// that have not failed anybody lately.
    pub(crate) fn pick(&self, tried: &[u64]) -> Option<Rc<Link>> {
        self.refresh();
        let rotation = self.rotation.borrow();
        if rotation.is_empty() {
            return None;
        }
        if tried.is_empty() {
            let turn = self.pool.turn.fetch_add(1, Ordering::Relaxed) % rotation.len();
            return rotation.get(turn).cloned();
        }
        // By lot: if it took a turn, the failing server would have the next one
        // again and again, and if it followed the turn, one server would have
        // all that the failing one leaves.
        let turn = rand::random_range(0..rotation.len());
        let in_turn = || {
            let (before, from) = rotation.split_at(turn);
            from.iter()
                .chain(before)
                .filter(|link| !tried.contains(&link.server.id))
        };
        in_turn()
            .find(|link| !link.server.is_suspected())
            .or_else(|| in_turn().next())
            .cloned()
    }

    /// Drops connections that were idle for too long, and those to servers that
    /// the pool has forgotten.
    pub(crate) fn sweep(&self, worker: usize, now_ms: u64) {
        self.refresh();
        for link in self.links.borrow().iter() {
            link.idle.expire(now_ms);
            link.server.traffic[worker].idle.set(link.idle.len());
        }
        if let Some(hedge) = &self.hedge {
            hedge.sweep(now_ms);
        }
    }

    fn refresh(&self) {
        let version = self.pool.version();
        if version == self.version.get() {
            return;
        }
        self.version.set(version);
        let members = self.pool.members();
        let upstream = &self.pool.config.upstream;
        let mut links = self.links.borrow_mut();
        let fresh = members.iter().map(|server| {
            let known = links.iter().find(|link| link.server.id == server.id).cloned();
            known.unwrap_or_else(|| {
                Rc::new(Link {
                    server: server.clone(),
                    totals: self.pool.traffic.clone(),
                    idle: IdleStack::new(upstream.max_idle, upstream.idle_ms),
                })
            })
        });
        *links = fresh.collect();
        let chosen = choose(&members);
        let rotation = links.iter().filter(|link| chosen.contains(&link.server.id)).cloned();
        *self.rotation.borrow_mut() = rotation.collect();
    }
}

/// Ids of the servers that take turns. When no server is in rotation the pool
/// fails open, to the likeliest first: never probed, ejected though probes
/// pass, the rest. An outage of the probes must not become an outage of the
/// site.
fn choose(members: &[Arc<Server>]) -> Vec<u64> {
    let tiers: [fn(&Server) -> bool; 5] = [
        Server::is_in_rotation,
        |server| server.standing() == Standing::Unknown && !server.is_ejected() && !server.is_leaving(),
        |server| server.standing() == Standing::Up && !server.is_leaving(),
        |server| !server.is_leaving(),
        |_| true,
    ];
    for tier in tiers {
        let ids: Vec<u64> = members
            .iter()
            .filter(|server| tier(server))
            .map(|server| server.id)
            .collect();
        if !ids.is_empty() {
            return ids;
        }
    }
    Vec::new()
}
