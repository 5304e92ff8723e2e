//! A worker's own copy of a pool: the servers it has connections to and those
//! that take turns, rebuilt only when the pool's version changes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Pool;
use super::in_flight::InFlight;
use super::operator::Admin;
use super::rotation::Rotation;
use super::server::Server;
use crate::hedge::Hedge;
use crate::metrics::Traffic;
use crate::overload::Gate;
use crate::upstream::idle::IdleStack;
use crate::upstream::multiplexed::Multiplexed;

/// One worker's copy of one pool.
pub(crate) struct PoolView {
    /// The pool all workers share.
    pub(crate) pool: Arc<Pool>,
    /// Lets in as many requests as its servers may have.
    pub(crate) gate: Rc<Gate>,
    /// Second attempts, if the pool wants them.
    pub(crate) hedge: Option<Hedge>,
    version: Cell<u64>,
    links: RefCell<Vec<Rc<Link>>>,
    rotation: RefCell<Turns>,
}

/// Links to those that take turns.
#[derive(Default)]
struct Turns {
    /// In the order of the rotation.
    links: Vec<Rc<Link>>,
    shared: Arc<Rotation>,
}

/// Where a request goes.
pub(crate) enum Pick {
    /// To this server, on which it has a place.
    Server(Rc<Link>, InFlight),
    /// Every server that could be asked has as many requests as it may.
    Full,
    /// There is no server to ask.
    Nobody,
}

/// One worker's side of one server.
pub(crate) struct Link {
    /// The server all workers share.
    pub(crate) server: Arc<Server>,
    /// The pool it is in.
    pub(crate) pool: Arc<Pool>,
    /// The pool's numbers, which stay when the server goes.
    pub(crate) totals: Arc<[Traffic]>,
    /// This worker's kept connections to it.
    pub(crate) idle: IdleStack,
    /// And those that many requests share.
    pub(crate) multiplexed: Multiplexed,
}

impl PoolView {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self {
            gate: Rc::new(Gate::new(&pool.limiter)),
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

    /// Takes a place on the server whose turn it is, none of `tried`. A retry
    /// prefers servers that have not failed anybody lately. `key` is what a
    /// consistent hash goes by.
    pub(crate) fn pick(&self, tried: &[u64], key: Option<u64>) -> Pick {
        self.refresh();
        // Whoever waits was here first.
        if self.pool.line.is_waited_in() && self.rotation.borrow().is_left(tried) {
            return Pick::Full;
        }
        self.pick_now(tried, key)
    }

    /// The same, past the line.
    pub(crate) fn pick_now(&self, tried: &[u64], key: Option<u64>) -> Pick {
        let rotation = self.rotation.borrow();
        let turn = if tried.is_empty() {
            self.pool.turn.fetch_add(1, Ordering::Relaxed)
        } else {
            // By lot: if it took a turn, the failing server would have the next one
            // again and again, and if it followed the turn, one server would have
            // all that the failing one leaves.
            rand::random_range(0..usize::MAX)
        };
        let load = |index: usize| rotation.links[index].server.in_flight();
        let Some(first) = rotation.shared.schedule.first(turn, key, load) else {
            return Pick::Nobody;
        };
        if tried.is_empty()
            && let Some(link) = rotation.links.get(first)
            && let Some(place) = InFlight::begin(&link.server)
        {
            return Pick::Server(link.clone(), place);
        }
        let others = rotation.shared.schedule.others(first, turn, key, load);
        rotation.stand_in(std::iter::once(first).chain(others), tried)
    }

    /// The link to this server, if the pool has not forgotten it.
    pub(crate) fn link(&self, server: &Server) -> Option<Rc<Link>> {
        self.refresh();
        let links = self.links.borrow();
        links.iter().find(|link| link.server.id == server.id).cloned()
    }

    /// Drops connections that were idle for too long, and those to servers that
    /// the pool has forgotten.
    pub(crate) fn sweep(&self, worker: usize, now_ms: u64) {
        self.refresh();
        for link in self.links.borrow().iter() {
            if link.server.admin() == Admin::Disabled {
                link.idle.clear();
                link.multiplexed.clear();
            } else {
                link.idle.expire(now_ms);
                link.multiplexed.expire(now_ms, self.pool.config.upstream.idle_ms);
            }
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
        let shared = self.pool.rotation();
        let upstream = &self.pool.config.upstream;
        let mut links = self.links.borrow_mut();
        let fresh = shared.members.iter().map(|server| {
            let known = links.iter().find(|link| link.server.id == server.id).cloned();
            known.unwrap_or_else(|| {
                Rc::new(Link {
                    server: server.clone(),
                    pool: self.pool.clone(),
                    totals: self.pool.traffic.clone(),
                    idle: IdleStack::new(upstream.max_idle, upstream.idle_ms),
                    multiplexed: Multiplexed::default(),
                })
            })
        });
        *links = fresh.collect();
        let chosen = shared.chosen.iter();
        let chosen = chosen.filter_map(|server| links.iter().find(|link| link.server.id == server.id));
        let chosen = chosen.cloned().collect();
        *self.rotation.borrow_mut() = Turns { links: chosen, shared };
    }
}

impl Turns {
    /// Whether a server is left that was not tried.
    fn is_left(&self, tried: &[u64]) -> bool {
        self.links.iter().any(|link| !tried.contains(&link.server.id))
    }

    /// The first of `order` that may be asked.
    #[cold]
    fn stand_in(&self, order: impl Iterator<Item = usize>, tried: &[u64]) -> Pick {
        let left = order.filter_map(|index| self.links.get(index));
        let mut left: Vec<&Rc<Link>> = left.filter(|link| !tried.contains(&link.server.id)).collect();
        if left.is_empty() {
            return Pick::Nobody;
        }
        if !tried.is_empty() {
            left.sort_by_key(|link| link.server.is_suspected());
        }
        for link in left {
            if let Some(place) = InFlight::begin(&link.server) {
                return Pick::Server(link.clone(), place);
            }
        }
        Pick::Full
    }
}
