//! What is known of one HTTP/2 connection, shared by its socket, its streams
//! and its task.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::super::client::DRAIN_GRACE;
use super::super::peer::Peer;
use super::ledger::{Breach, Ledger, Moved};
use super::stream::Stream;
use super::tunnel::Switched;
use crate::config::ClientConfig;
use crate::watch::{Alarm, NEVER, Side, Watched};
use crate::worker::Worker;

/// For what is left of a frame to go out before the connection is ended,
/// milliseconds.
const LAST_FRAME_MS: u64 = 500;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// For the client's first frames.
    Opening,
    /// For the end of a head, or of another frame that is not a body's.
    Head,
    /// For servers, or for clients that their streams look after.
    Busy,
    /// For the client to take answers that are ready.
    Owing,
    /// For the next request.
    Idle,
}

/// How the sweep wants a connection to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// Nobody is missing an answer.
    Idle,
    /// Its place is needed by another.
    Evicted,
    /// A head does not end.
    Head,
    /// The client does not take what it asked for.
    Stalled,
}

/// An HTTP/2 connection.
pub(super) struct Session {
    pub(super) peer: Rc<Peer>,
    pub(super) watch: Watched,
    pub(super) worker: Rc<Worker>,
    ledger: RefCell<Ledger>,
    phase: Cell<Phase>,
    /// Streams that are being worked for.
    requests: Cell<usize>,
    /// The stream whose task is about to be started.
    begun: RefCell<Option<Rc<Stream>>>,
    /// The stream whose answer, which is about to go out, begins a tunnel.
    switched: RefCell<Option<Box<Switched>>>,
    /// What is counted for this connection's unfinished head, bytes.
    counted_bytes: Cell<usize>,
    ended: Cell<bool>,
    leaving: Cell<bool>,
    /// And the client knows it.
    told: Cell<bool>,
    since: Instant,
    max_unfinished_bytes: usize,
    /// As it was when the connection began.
    pub(super) config: Arc<ClientConfig>,
}

impl Session {
    pub(super) fn new(worker: &Rc<Worker>, peer: Rc<Peer>) -> Rc<Self> {
        let plan = worker.plan();
        let (config, http2) = (plan.client.clone(), &plan.config.http2);
        let watch = worker.clients.enter(None);
        let now_ms = worker.clock.now_ms();
        watch.set_due(Side::Read, now_ms + config.head_ms);
        watch.set_head_since(now_ms);
        Rc::new(Self {
            peer,
            watch,
            worker: worker.clone(),
            ledger: RefCell::new(Ledger::new(http2.floods, http2.max_streams)),
            phase: Cell::new(Phase::Opening),
            requests: Cell::new(0),
            begun: RefCell::default(),
            switched: RefCell::default(),
            counted_bytes: Cell::new(0),
            ended: Cell::new(false),
            leaving: Cell::new(false),
            told: Cell::new(false),
            since: Instant::now(),
            max_unfinished_bytes: worker.max_unfinished_bytes(&config),
            config,
        })
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.worker.clock.now_ms()
    }

    pub(super) fn ledger(&self) -> Ref<'_, Ledger> {
        self.ledger.borrow()
    }

    pub(super) fn breach(&self) -> Option<Breach> {
        self.ledger.borrow().breach()
    }

    /// Bytes have come.
    pub(super) fn received(&self, bytes: &[u8]) {
        let moved = self.ledger.borrow_mut().received(bytes, self.now_ms());
        self.count_head();
        self.settle(moved.control && self.phase.get() == Phase::Head);
        if self.breach().is_some() {
            self.watch.set_due(Side::Write, self.now_ms() + LAST_FRAME_MS);
        }
    }

    /// Bytes have gone out.
    pub(super) fn sent(&self, bytes: &[u8]) {
        let Moved { data, .. } = self.ledger.borrow_mut().sent(bytes);
        self.settle(data && self.phase.get() == Phase::Owing);
    }

    /// Counts what the head under way takes up among all that are unfinished.
    fn count_head(&self) {
        let mut ledger = self.ledger.borrow_mut();
        let now = if ledger.is_in_head() { ledger.block_bytes() } else { 0 };
        let before = self.counted_bytes.replace(now);
        let total = self.worker.unfinished_bytes.get() - before + now;
        self.worker.unfinished_bytes.set(total);
        if now > before && total > self.max_unfinished_bytes {
            ledger.set_breach(Breach::Heads);
        }
    }

    /// Works out what is waited for now; `moved` says that there was progress,
    /// so that it may be waited for as long again.
    fn settle(&self, moved: bool) {
        let (in_head, owes) = {
            let ledger = self.ledger.borrow();
            (ledger.is_in_head(), ledger.owes())
        };
        let phase = match (in_head, self.requests.get()) {
            (true, _) => Phase::Head,
            (false, 1..) => Phase::Busy,
            (false, 0) if owes => Phase::Owing,
            (false, 0) => Phase::Idle,
        };
        if phase == self.phase.get() && !moved {
            return;
        }
        self.phase.set(phase);
        let config = &self.config;
        let now_ms = self.now_ms();
        let idle_ms = match self.leaving.get() {
            true => config.idle_ms.min(DRAIN_GRACE.as_millis() as u64),
            false => config.idle_ms,
        };
        let (due, idle_since, head_since) = match phase {
            Phase::Opening | Phase::Head => (now_ms + config.head_ms, NEVER, now_ms),
            Phase::Busy => (NEVER, NEVER, NEVER),
            Phase::Owing => (now_ms + config.send_ms, NEVER, NEVER),
            Phase::Idle => (now_ms + idle_ms, now_ms, NEVER),
        };
        self.watch.set_head_since(head_since);
        self.watch.set_due(Side::Read, due);
        self.watch.set_idle_since(idle_since);
    }

    /// A request has come; its task is started next.
    pub(super) fn begin(self: &Rc<Self>) -> Rc<Stream> {
        self.requests.set(self.requests.get() + 1);
        self.watch.set_has_asked();
        self.settle(false);
        let stream = Rc::new(Stream::new(self.clone()));
        self.begun.replace(Some(stream.clone()));
        stream
    }

    /// The stream that the task being started is for, if it is for one.
    pub(super) fn take_begun(&self) -> Option<Rc<Stream>> {
        self.begun.take()
    }

    /// What follows the answer that is handed to hyper next is a tunnel.
    pub(super) fn switch(&self, switched: Box<Switched>) {
        self.switched.replace(Some(switched));
    }

    /// The tunnel that the task being started is for, if it is for one.
    pub(super) fn take_switched(&self) -> Option<Box<Switched>> {
        self.switched.take()
    }

    /// Nobody works for a request any more.
    pub(super) fn request_ends(&self) {
        self.requests.set(self.requests.get() - 1);
        self.settle(false);
    }

    /// The socket takes no more for now.
    pub(super) fn write_blocked(&self) {
        if !self.is_writing() {
            self.watch.set_due(Side::Write, self.now_ms() + self.config.send_ms);
        }
    }

    /// The socket has taken something.
    pub(super) fn write_moved(&self) {
        if self.breach().is_none() {
            self.watch.set_due(Side::Write, NEVER);
        }
    }

    /// Whether something waits to be taken.
    pub(super) fn is_writing(&self) -> bool {
        self.watch.due(Side::Write) != NEVER
    }

    /// What an alarm, if there is one, means for the connection.
    pub(super) fn rung(&self) -> Option<Late> {
        let late = |side| self.watch.due(side) <= self.now_ms();
        let end = match (self.watch.alarm()?, self.phase.get()) {
            // Seen before the connection was looked at, or at the next look.
            (Alarm::Drain, _) => return None,
            (Alarm::Due, _) if late(Side::Write) => Some(Late::Stalled),
            (Alarm::Due, Phase::Opening | Phase::Head) if late(Side::Read) => Some(Late::Head),
            (Alarm::Due, Phase::Owing) if late(Side::Read) => Some(Late::Stalled),
            // The end of an answer may still be on its way.
            (Alarm::Due, Phase::Idle) if late(Side::Read) && !self.is_writing() => Some(Late::Idle),
            (Alarm::Evict, Phase::Idle | Phase::Opening | Phase::Head)
                if self.watch.is_spare(self.now_ms()) && !self.is_writing() =>
            {
                Some(Late::Evicted)
            }
            _ => None,
        };
        if end.is_none() {
            self.watch.clear_alarm();
        }
        end
    }

    /// No more requests are wanted on this connection.
    pub(super) fn leave(&self) {
        if !self.leaving.replace(true) {
            self.watch.ring(Alarm::Drain);
        }
    }

    /// Whether a drain has to wait for what the client is about to say.
    pub(super) fn is_about_to_ask(&self) -> bool {
        self.phase.get() == Phase::Opening && self.since.elapsed() < DRAIN_GRACE
    }

    /// Whether the client has to be told now that it shall leave: once.
    pub(super) fn tells_to_leave(&self) -> bool {
        if self.told.replace(true) {
            return false;
        }
        self.leaving.set(true);
        // Idle, it is not waited for much longer.
        self.settle(true);
        true
    }

    pub(super) fn set_ended(&self) {
        self.ended.set(true);
    }

    /// Whether the client has closed its side.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let left = self.worker.unfinished_bytes.get() - self.counted_bytes.get();
        self.worker.unfinished_bytes.set(left);
    }
}
