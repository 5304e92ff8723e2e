//! A worker: one thread with a runtime, a listener and connections to servers of
//! its own. Nothing on the way of a request is shared with another worker but a
//! few atomics, so nothing there waits for another core.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::watch::Receiver;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::warn;

use crate::access_log::Lines;
use crate::config::ClientConfig;
use crate::connection;
use crate::connection::handshake::Handshakes;
use crate::connection::proxy_protocol::{self, Refused};
use crate::drain::Stage;
use crate::listeners::Listeners;
use crate::metrics::{Traffic, WorkerStats};
use crate::overload::Share;
use crate::plan::{CurrentPlan, PlanView};
use crate::pool::view::Link;
use crate::problem::Problem;
use crate::respond;
use crate::shared::Shared;
use crate::watch::{Alarm, Clock, Roster};

/// Between two sweeps over requests that wait for servers.
const SWEEP: Duration = Duration::from_millis(50);
/// Clients and idle connections are many and less urgent: every n-th sweep.
const SLOW_SWEEP: u32 = 4;
/// At the limit of connections, so many that are not at work make room at once.
const EVICT: usize = 32;
/// So long idle, a connection gives its buffers back.
const REST_IDLE_MS: u64 = 250;
/// In a drain: between two looks whether all clients are gone, the first looks, each
/// of which rings, and how seldom later ones do.
const DRAIN_LOOK: Duration = Duration::from_millis(20);
const BUSY_LOOKS: u32 = 25;
const RARE_RING: u32 = 10;
/// Near the limit, one makes room for each new one, which then has not to wait for
/// it: when no more than one in so many places is free.
const SHARE_KEPT_FREE: usize = 32;
/// Between two log lines about floods.
const FLOOD_PAUSE: Duration = Duration::from_secs(10);

/// What one thread needs.
pub(crate) struct Worker {
    pub(crate) id: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Clock,
    /// Deadlines of client connections.
    pub(crate) clients: Rc<Roster>,
    /// Deadlines of the streams of HTTP/2 connections.
    pub(crate) streams: Rc<Roster>,
    /// Deadlines of requests that wait for servers.
    pub(crate) attempts: Rc<Roster>,
    /// This worker's lines of the access log.
    pub(crate) lines: Lines,
    plan: CurrentPlan,
    /// Requests whose answer is not out yet.
    pub(crate) under_way: Share,
    pub(crate) handshakes: Handshakes,
    /// Memory taken by heads that are not whole yet, bytes.
    pub(crate) unfinished_bytes: Cell<usize>,
    last_accept_error: RefCell<Option<std::io::ErrorKind>>,
    last_flood: Cell<Option<Instant>>,
}

impl Worker {
    pub(crate) fn new(id: usize, shared: Arc<Shared>) -> Self {
        Self {
            id,
            clock: Clock::new(),
            clients: Rc::default(),
            streams: Rc::default(),
            attempts: Rc::default(),
            lines: Lines::new(shared.access_log.clone()),
            plan: CurrentPlan::new(shared.plan()),
            under_way: Share::default(),
            handshakes: Handshakes::default(),
            unfinished_bytes: Cell::new(0),
            last_accept_error: RefCell::new(None),
            last_flood: Cell::new(None),
            shared,
        }
    }

    /// What is configured now. A request asks once and keeps to the answer.
    pub(crate) fn plan(&self) -> Rc<PlanView> {
        self.plan.get(self.shared.generation(), || self.shared.plan())
    }

    pub(crate) fn stats(&self) -> &WorkerStats {
        &self.shared.workers[self.id]
    }

    /// Counts for a server.
    pub(crate) fn server_traffic(&self, link: &Link, count: impl FnOnce(&Traffic)) {
        count(&link.server.traffic[self.id]);
    }

    /// Counts an answer of the balancer's own.
    pub(crate) fn own_answer(&self, status: http::StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.stats().own_answers[class].add(1);
    }

    /// Counts a request that was answered past hyper.
    pub(crate) fn refused(&self, problem: Problem) {
        match problem {
            Problem::HeadTooSlow => self.stats().timeouts.add(1),
            _ => self.stats().refused.add(1),
        }
        self.own_answer(respond::status(problem));
    }

    /// This worker's share of the memory for unfinished heads, bytes. However many
    /// workers there are, some heads fit into the share of each.
    pub(crate) fn max_unfinished_bytes(&self, client: &ClientConfig) -> usize {
        (client.max_unfinished_heads_bytes / self.shared.workers.len().max(1)).max(4 * client.max_head_bytes)
    }

    /// Counts a connection that was ended for flooding. An attack is many of
    /// them: one in a while is told of.
    pub(crate) fn flooded(&self, peer: SocketAddr, reason: &dyn Display) {
        self.stats().floods.add(1);
        if self.last_flood.get().is_none_or(|last| last.elapsed() >= FLOOD_PAUSE) {
            self.last_flood.set(Some(Instant::now()));
            warn!(%peer, %reason, "HTTP/2 flood: connection ended");
        }
    }

    /// Serves until the stage says otherwise, then waits for the last connection.
    pub(crate) async fn run(self: Rc<Self>, listeners: Listeners, mut stage: Receiver<Stage>) {
        let sweeper = tokio::task::spawn_local(self.clone().sweep());
        loop {
            tokio::select! {
                biased;
                changed = stage.wait_for(|stage| *stage > Stage::Serving) => {
                    let _sender_gone_means_the_same = changed.is_ok();
                    break;
                }
                () = self.accept(&listeners) => {}
            }
        }
        // What the kernel has accepted already would be reset with the listener.
        listeners.close(|accepted, secure| self.admit(accepted, secure));
        let _sender_gone_means_the_same = stage.wait_for(|stage| *stage == Stage::Draining).await.is_ok();
        for look in 0u32.. {
            // Again and again: a connection may be accepted after the first ring, and
            // whoever is about to ask is spared for a moment. Those that stay have heard
            // it then, and waking them all at each look would take time from the others.
            if look < BUSY_LOOKS || look.is_multiple_of(RARE_RING) {
                self.clients.ring_all(Alarm::Drain);
            }
            if self.stats().open.load(Relaxed) == 0 {
                break;
            }
            sleep(DRAIN_LOOK).await;
        }
        sweeper.abort();
    }

    /// Takes one connection, if there is room for one.
    async fn accept(self: &Rc<Self>, listeners: &Listeners) {
        let most = self.plan().client.max_connections.min(self.shared.most_connections);
        let free = most.saturating_sub(self.shared.connections.load(Relaxed));
        if free == 0 {
            self.clients.make_room(EVICT, self.clock.now_ms());
            sleep(Duration::from_millis(5)).await;
            return;
        }
        let (accepted, secure) = listeners.accept().await;
        match accepted {
            Ok(accepted) => {
                self.last_accept_error.replace(None);
                if free <= most / SHARE_KEPT_FREE {
                    self.clients.make_room(1, self.clock.now_ms());
                }
                self.admit(accepted, secure);
            }
            Err(error) => {
                // Out of descriptors, most likely: said once, and idle
                // connections make room.
                if self.last_accept_error.replace(Some(error.kind())) != Some(error.kind()) {
                    warn!(worker = self.id, %error, "cannot accept");
                }
                self.clients.make_room(EVICT, self.clock.now_ms());
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    fn admit(self: &Rc<Self>, (mut stream, peer): (TcpStream, SocketAddr), secure: bool) {
        self.stats().accepted.add(1);
        let mut place = Place::take(self.clone());
        let config = &self.plan().config;
        let announced = if secure {
            config.tls.proxy_protocol
        } else {
            config.proxy_protocol
        };
        // Behind a proxy it is not known yet whose connection this is.
        if !announced && !place.enter(peer.ip().to_canonical()) {
            self.stats().turned_away.add(1);
            return;
        }
        tokio::task::spawn_local(async move {
            let client = if announced {
                Box::pin(place.announced(&mut stream, peer)).await
            } else {
                Some(peer)
            };
            if let Some(client) = client {
                connection::serve(place.worker.clone(), stream, client, secure).await;
            }
            drop(place);
        });
    }

    async fn sweep(self: Rc<Self>) {
        let mut ticks = interval(SWEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = 0u32;
        loop {
            ticks.tick().await;
            self.clock.step();
            let now_ms = self.clock.now_ms();
            let plan = self.plan();
            plan.budget.age(now_ms);
            self.attempts.sweep(now_ms);
            self.under_way.exchange(&self.shared.requests, self.id);
            for view in &plan.pools {
                view.gate.sweep(&view.pool.limiter, self.id, view.pool.now());
            }
            self.lines.hand_over();
            round = round.wrapping_add(1);
            if round.is_multiple_of(SLOW_SWEEP) {
                self.clients.sweep(now_ms);
                self.clients.rest(REST_IDLE_MS, now_ms);
                self.streams.sweep(now_ms);
                for pool in &plan.pools {
                    pool.sweep(self.id, now_ms);
                }
            }
        }
    }
}

/// A place among the allowed connections, given back when dropped.
struct Place {
    worker: Rc<Worker>,
    /// The address that it is counted for, if it is.
    counted: Option<IpAddr>,
}

impl Place {
    fn take(worker: Rc<Worker>) -> Self {
        worker.shared.connections.fetch_add(1, Relaxed);
        worker.stats().open.fetch_add(1, Relaxed);
        Self { worker, counted: None }
    }

    /// Counts the connection for its client. Answers false if this address has all
    /// that one may have.
    fn enter(&mut self, address: IpAddr) -> bool {
        let client = self.worker.plan().client.clone();
        if client.trusts(address) {
            return true;
        }
        let addresses = &self.worker.shared.addresses;
        let enters = addresses.enter(address, client.max_connections_per_address);
        self.counted = enters.then_some(address);
        enters
    }

    /// Whose connection it is, by the PROXY protocol. `None` if it is to be closed.
    async fn announced(&mut self, stream: &mut TcpStream, peer: SocketAddr) -> Option<SocketAddr> {
        let worker = self.worker.clone();
        let proxies = &worker.plan().client.trusted_proxies;
        let may_speak = proxies.is_empty() || worker.plan().client.trusts(peer.ip().to_canonical());
        let read = if may_speak {
            Box::pin(proxy_protocol::read(&worker, stream)).await
        } else {
            Err(Refused)
        };
        match read {
            Err(Refused) => {
                worker.stats().unannounced.add(1);
                None
            }
            Ok(source) => {
                let client = source.unwrap_or(peer);
                let enters = self.enter(client.ip().to_canonical());
                if !enters {
                    worker.stats().turned_away.add(1);
                }
                enters.then_some(client)
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(address) = self.counted {
            self.worker.shared.addresses.leave(address);
        }
        self.worker.shared.connections.fetch_sub(1, Relaxed);
        self.worker.stats().open.fetch_sub(1, Relaxed);
    }
}
