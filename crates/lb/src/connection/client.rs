//! What is known of one client while it is connected, shared by all that work
//! for it: the socket, the request's body, the answer's body and the sweep.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::End;
use crate::config::ClientConfig;
use crate::problem::Problem;
use crate::request::framing::Refused;
use crate::request::headers::Forwarded;
use crate::tls::Generation;
use crate::watch::{Alarm, NEVER, Side, Watched};
use crate::worker::Worker;

/// Whoever has connected has so long to ask before a drain closes: the request
/// is on its way, most likely.
const DRAIN_GRACE: Duration = Duration::from_millis(300);

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
    pub(crate) ip: IpAddr,
    /// Its address as a header's value.
    pub(crate) address: HeaderValue,
    /// It is a proxy whose word is taken.
    pub(crate) trusted: bool,
    /// Its Forwarded header, made once.
    pub(crate) forwarded: Forwarded,
    /// It speaks TLS with this balancer.
    pub(crate) secure: bool,
    /// The version of TLS that was agreed on.
    pub(super) tls_version: Cell<Option<&'static str>>,
    /// What its answers say of plain HTTP.
    pub(crate) hsts: Option<HeaderValue>,
    worker: Rc<Worker>,
    /// As it was when the client connected.
    config: Arc<ClientConfig>,
    phase: Cell<Phase>,
    refused: Cell<Option<Refused>>,
    ended: Cell<bool>,
    reset: Cell<bool>,
    cut_off: Cell<bool>,
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
        // An IPv4 client on an IPv6 socket is still an IPv4 client.
        let ip = peer.ip().to_canonical();
        Self {
            watch,
            ip,
            address: address_value(ip),
            trusted: config.trusts(ip),
            forwarded: Forwarded::default(),
            secure: tls.is_some(),
            tls_version: Cell::new(None),
            hsts: tls.and_then(|tls| tls.hsts.clone()),
            worker: worker.clone(),
            config,
            phase: Cell::new(Phase::Idle),
            refused: Cell::new(None),
            ended: Cell::new(false),
            reset: Cell::new(false),
            cut_off: Cell::new(false),
            silent_since: Cell::new(Some(Instant::now())),
        }
    }

    /// The version of TLS it speaks, if it does.
    pub(crate) fn tls_version(&self) -> Option<&'static str> {
        self.tls_version.get()
    }

    /// How a request came, as far as this balancer can tell.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
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
            self.watch.set_idle_since(NEVER);
            self.watch.set_due(Side::Read, self.now_ms() + self.config().head_ms);
        }
    }

    /// A head is complete.
    pub(crate) fn request_begins(&self) {
        self.phase.set(Phase::Busy);
        self.watch.set_idle_since(NEVER);
        self.watch.set_due(Side::Read, NEVER);
    }

    /// The answer is on its way out.
    pub(crate) fn answer_ends(&self) {
        self.phase.set(Phase::Idle);
        let now_ms = self.now_ms();
        self.watch.set_idle_since(now_ms);
        self.watch.set_due(Side::Read, now_ms + self.config().idle_ms);
    }

    /// More of the request's body is waited for.
    pub(crate) fn body_awaited(&self) {
        if self.watch.due(Side::Read) == NEVER {
            self.watch.set_due(Side::Read, self.now_ms() + self.config().body_ms);
        }
    }

    /// Some of the request's body has come.
    pub(crate) fn body_moved(&self) {
        if self.phase.get() == Phase::Busy {
            self.watch.set_due(Side::Read, NEVER);
        }
    }

    /// Why no more of the request's body will come, if so.
    pub(crate) fn body_problem(&self) -> Option<Problem> {
        if let Some(refused) = self.refused.get() {
            return Some(refused.problem);
        }
        let late = self.watch.alarm() == Some(Alarm::Due) && self.watch.due(Side::Read) <= self.now_ms();
        late.then_some(Problem::BodyTooSlow)
    }

    /// The socket takes no more for now.
    pub(super) fn write_blocked(&self) {
        if !self.is_writing() {
            self.watch.set_due(Side::Write, self.now_ms() + self.config().send_ms);
        }
    }

    /// The socket has taken something.
    pub(super) fn write_moved(&self) {
        self.watch.set_due(Side::Write, NEVER);
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
            (Alarm::Due, Phase::Busy) if late(Side::Read) => None,
            (Alarm::Evict, Phase::Idle) if !self.is_writing() => Some(End::Idle),
            (Alarm::Due | Alarm::Evict | Alarm::ServerLost, _) => {
                self.watch.clear_alarm();
                None
            }
            // Rung between the last look and this one; seen at the next.
            (Alarm::Drain, _) => None,
        }
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
}

fn address_value(ip: IpAddr) -> HeaderValue {
    HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}
