//! What is known of one client while it is connected, shared by all that work
//! for it: the socket, the request's body, the answer's body and the sweep.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::End;
use super::pace::Pace;
use super::peer::Peer;
use crate::config::ClientConfig;
use crate::problem::Problem;
use crate::request::framing::Refused;
use crate::tls::Generation;
use crate::tunnel::ServerSide;
use crate::watch::{Alarm, NEVER, Side, Watched};
use crate::worker::Worker;

/// Whoever has connected has so long to ask before a drain closes: the request
/// is on its way, most likely.
pub(super) const DRAIN_GRACE: Duration = Duration::from_millis(300);

/// And so long to end a head that is under way, milliseconds.
const DRAIN_HEAD_MS: u64 = 2000;

/// Where a connection is in the course of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Between requests.
    Idle,
    /// The beginning of a head, or of a TLS handshake, is here.
    Head,
    /// A request is being answered.
    Busy,
}

/// A connected client.
pub(crate) struct Client {
    /// Its deadlines: reading for what it sends, writing for what it takes.
    pub(crate) watch: Watched,
    /// Who it is.
    pub(crate) peer: Rc<Peer>,
    worker: Rc<Worker>,
    /// As it was when the client connected.
    config: Arc<ClientConfig>,
    phase: Cell<Phase>,
    refused: Cell<Option<Refused>>,
    whole: Cell<bool>,
    ended: Cell<bool>,
    reset: Cell<bool>,
    cut_off: Cell<bool>,
    /// How fast it sends a body, and takes an answer.
    sends: Pace,
    takes: Pace,
    /// Requests begun, and which of them, counted from 1, asks for an upgrade and
    /// has no answer yet. 0: none.
    requests: Cell<u64>,
    undecided: Cell<u64>,
    /// The server's side of the tunnel that this connection becomes.
    switched: Cell<Option<Box<ServerSide>>>,
    http2: Cell<bool>,
    /// Who reads the request's body, if it is not the connection's own task.
    body_waker: Cell<Option<Waker>>,
    /// When it connected, until it sends something.
    silent_since: Cell<Option<Instant>>,
}

impl Client {
    pub(crate) fn new(worker: &Rc<Worker>, peer: SocketAddr, tls: Option<&Generation>) -> Self {
        let config = worker.plan().client.clone();
        let watch = worker.clients.enter(None);
        let now_ms = worker.clock.now_ms();
        // Whoever connects has something to say at once.
        let patience_ms = tls.map_or(config.head_ms, |tls| tls.config.handshake_ms);
        watch.set_due(Side::Read, now_ms + patience_ms);
        watch.set_idle_since(now_ms);
        Self {
            watch,
            peer: Rc::new(Peer::new(&config, peer, tls)),
            worker: worker.clone(),
            sends: Pace::new(config.min_body_bytes_per_second, config.body_ms),
            takes: Pace::new(config.min_send_bytes_per_second, config.send_ms),
            config,
            phase: Cell::new(Phase::Idle),
            refused: Cell::new(None),
            whole: Cell::new(true),
            ended: Cell::new(false),
            reset: Cell::new(false),
            cut_off: Cell::new(false),
            requests: Cell::new(0),
            undecided: Cell::new(0),
            switched: Cell::new(None),
            http2: Cell::new(false),
            body_waker: Cell::new(None),
            silent_since: Cell::new(Some(Instant::now())),
        }
    }

    pub(super) fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.worker.clock.now_ms()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// The client has begun with TLS. The deadline stays as it is: it counts from
    /// the connection.
    pub(super) fn handshake_begins(&self) {
        self.phase.set(Phase::Head);
        self.silent_since.set(None);
    }

    /// TLS is spoken, and a request is on its way.
    pub(super) fn handshake_ends(&self) {
        self.phase.set(Phase::Idle);
        self.silent_since.set(Some(Instant::now()));
        let now_ms = self.now_ms();
        self.watch.clear_alarm();
        self.watch.set_idle_since(now_ms);
        self.watch.set_due(Side::Read, now_ms + self.config().head_ms);
    }

    /// Whether the deadline for what the client sends has passed.
    pub(super) fn is_late(&self) -> bool {
        self.watch.due(Side::Read) <= self.now_ms()
    }

    /// Bytes have come.
    pub(super) fn received(&self) {
        self.silent_since.set(None);
        if self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
            let now_ms = self.now_ms();
            self.watch.set_idle_since(NEVER);
            self.watch.set_head_since(now_ms);
            self.watch.set_due(Side::Read, now_ms + self.config().head_ms);
        }
    }

    /// A head is complete.
    pub(crate) fn request_begins(&self) {
        self.phase.set(Phase::Busy);
        self.requests.set(self.requests.get() + 1);
        self.sends.restart();
        self.takes.restart();
        self.watch.set_has_asked();
        self.watch.set_head_since(NEVER);
        self.watch.set_idle_since(NEVER);
        self.watch.set_due(Side::Read, NEVER);
    }

    /// The answer is on its way out.
    pub(crate) fn answer_ends(&self) {
        if self.asks_to_upgrade() {
            if self.is_switched() {
                return;
            }
            self.undecided.set(0);
        }
        self.phase.set(Phase::Idle);
        let now_ms = self.now_ms();
        self.watch.set_idle_since(now_ms);
        self.watch.set_due(Side::Read, now_ms + self.config().idle_ms);
    }

    /// The request of this number asks for an upgrade.
    pub(super) fn set_undecided(&self, number: u64) {
        self.undecided.set(number);
    }

    /// Whether it is still to come out what follows a request to upgrade.
    pub(super) fn is_undecided(&self) -> bool {
        self.undecided.get() != 0
    }

    /// Whether the request under way is the one that asks for an upgrade, with
    /// everything behind it held back.
    pub(crate) fn asks_to_upgrade(&self) -> bool {
        self.undecided.get() == self.requests.get()
    }

    /// The answer under way is the last: the connection becomes a tunnel then.
    pub(crate) fn switch(&self, server: Box<ServerSide>) {
        self.switched.set(Some(server));
    }

    fn is_switched(&self) -> bool {
        let server = self.switched.take();
        let is_switched = server.is_some();
        self.switched.set(server);
        is_switched
    }

    /// The server's side, when the answer is out.
    pub(super) fn take_switched(&self) -> Option<Box<ServerSide>> {
        self.switched.take()
    }

    /// More of the request's body is waited for.
    pub(crate) fn body_awaited(&self, cx: &Context<'_>) {
        if !self.watch.would_wake(cx) {
            self.body_waker.replace(Some(cx.waker().clone()));
        }
        if self.watch.due(Side::Read) == NEVER {
            let now_ms = self.now_ms();
            let due_ms = self.sends.wait(now_ms).min(now_ms + self.config().body_ms);
            self.watch.set_due(Side::Read, due_ms);
        }
    }

    /// So many bytes of the request's body have come.
    pub(crate) fn body_moved(&self, bytes: usize) {
        self.sends.moved(self.now_ms(), bytes);
        if self.phase.get() == Phase::Busy {
            self.watch.set_due(Side::Read, NEVER);
        }
    }

    /// Why no more of the request's body will come, if so.
    pub(crate) fn body_problem(&self) -> Option<Problem> {
        // What is wrong behind the body is nothing to it.
        if let Some(refused) = self.refused.get().filter(|refused| refused.in_body) {
            return Some(refused.problem);
        }
        self.is_late().then_some(Problem::BodyTooSlow)
    }

    /// The socket takes no more for now.
    pub(super) fn write_blocked(&self) {
        if !self.is_writing() {
            let now_ms = self.now_ms();
            let due_ms = self.takes.wait(now_ms).min(now_ms + self.config().send_ms);
            self.watch.set_due(Side::Write, due_ms);
        }
    }

    /// The socket has taken so many bytes.
    pub(super) fn write_moved(&self, bytes: usize) {
        self.takes.moved(self.now_ms(), bytes);
        self.watch.set_due(Side::Write, NEVER);
    }

    /// Whether what has come from the client ends with a request, and no part of a
    /// next one is here.
    pub(super) fn set_whole(&self, whole: bool) {
        self.whole.set(whole);
    }

    /// Whether nothing would be lost if all but the socket were forgotten.
    pub(super) fn can_rest(&self) -> bool {
        self.phase.get() == Phase::Idle
            && self.whole.get()
            && !self.is_writing()
            && !self.ended.get()
            && self.refused.get().is_none()
    }

    /// Whether something waits to be taken.
    pub(crate) fn is_writing(&self) -> bool {
        self.watch.due(Side::Write) != NEVER
    }

    /// What an alarm, if there is one, means for the connection. An alarm that
    /// has been overtaken by events is taken back.
    pub(super) fn rung(&self) -> Option<End> {
        let late = |side| self.watch.due(side) <= self.now_ms();
        match (self.watch.alarm()?, self.phase.get()) {
            (Alarm::Due, _) if late(Side::Write) => Some(End::Stalled),
            // The end of an answer may still be on its way.
            (Alarm::Due, Phase::Idle) if late(Side::Read) && !self.is_writing() => Some(End::Idle),
            (Alarm::Due, Phase::Head) if late(Side::Read) => Some(End::Answer(Problem::HeadTooSlow)),
            // The body's reader has seen it, or is about to, and answers.
            (Alarm::Due, Phase::Busy) if late(Side::Read) => {
                if let Some(reader) = self.body_waker.take() {
                    reader.wake();
                }
                // Nobody may be reading any more, and the answer not be taken: that
                // deadline has to ring, too.
                self.watch.clear_alarm();
                None
            }
            // Unless it has begun with something since.
            (Alarm::Evict, Phase::Idle | Phase::Head) if self.is_spare() => Some(End::Evicted),
            (Alarm::Due | Alarm::Evict | Alarm::Rest | Alarm::ServerLost, _) => {
                self.watch.clear_alarm();
                None
            }
            // Rung between the last look and this one; seen at the next.
            (Alarm::Drain, _) => None,
        }
    }

    fn is_spare(&self) -> bool {
        self.watch.is_spare(self.now_ms()) && !self.is_writing() && self.refused.get().is_none()
    }

    pub(super) fn refuse(&self, refused: Refused) {
        self.refused.set(Some(refused));
    }

    /// What the scanner found, if anything.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused.get()
    }

    pub(super) fn set_ended(&self) {
        self.ended.set(true);
    }

    /// Whether the client has closed its side.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    pub(super) fn set_reset(&self) {
        self.reset.set(true);
    }

    /// Whether the client has broken off and takes no answer any more.
    pub(super) fn was_reset(&self) -> bool {
        self.reset.get()
    }

    /// Whether a drain has to wait for what the client is about to say. It does
    /// so for a while only: a head that does not end must not hold it up.
    pub(super) fn is_about_to_ask(&self) -> bool {
        match self.phase.get() {
            Phase::Head => {
                let due_ms = self.watch.due(Side::Read);
                self.watch
                    .set_due(Side::Read, due_ms.min(self.now_ms() + DRAIN_HEAD_MS));
                true
            }
            Phase::Idle => self
                .silent_since
                .get()
                .is_some_and(|since| since.elapsed() < DRAIN_GRACE),
            Phase::Busy => false,
        }
    }

    /// An answer could not be finished.
    pub(crate) fn cut_off(&self) {
        self.cut_off.set(true);
    }

    pub(super) fn was_cut_off(&self) -> bool {
        self.cut_off.get()
    }

    pub(super) fn set_http2(&self) {
        self.http2.set(true);
    }

    /// Whether it turned out to speak HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.http2.get()
    }
}
