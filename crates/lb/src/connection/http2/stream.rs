//! One request of an HTTP/2 connection, and the task that works for it.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::rt::Executor;
use hyper::upgrade::OnUpgrade;
use tokio::task::spawn_local;

use super::super::pace::Pace;
use super::super::peer::Peer;
use super::session::Session;
use super::tunnel::Switched;
use crate::problem::Problem;
use crate::request::framing::Limits;
use crate::tunnel::ServerSide;
use crate::watch::{NEVER, Side, Watched};

/// A stream, from its head to the last that is done for it.
pub(crate) struct Stream {
    pub(super) session: Rc<Session>,
    /// The deadline for its answer to be taken.
    pub(super) watch: Watched,
    /// The deadline for its body to come.
    body: Watched,
    /// How fast the body comes, and the answer is taken.
    sends: Pace,
    takes: Pace,
    /// The piece of the answer that waits to be taken.
    offered_bytes: Cell<usize>,
    /// What hyper makes of it if it becomes a tunnel.
    upgrade: Cell<Option<OnUpgrade>>,
}

impl Stream {
    pub(super) fn new(session: Rc<Session>) -> Self {
        let watch = session.worker.streams.enter(None);
        let body = session.worker.streams.enter(None);
        let config = &session.config;
        Self {
            sends: Pace::new(config.min_body_bytes_per_second, config.body_ms),
            takes: Pace::new(config.min_send_bytes_per_second, config.send_ms),
            offered_bytes: Cell::new(0),
            upgrade: Cell::new(None),
            session,
            watch,
            body,
        }
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.session.peer
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            head_bytes: self.session.config.max_head_bytes,
            target_bytes: self.session.config.max_target_bytes,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.session.now_ms()
    }

    pub(crate) fn body_awaited(&self, cx: &Context<'_>) {
        self.body.listen(cx);
        self.body.clear_alarm();
        if self.body.due(Side::Read) == NEVER {
            let now_ms = self.now_ms();
            let due_ms = self.sends.wait(now_ms).min(now_ms + self.session.config.body_ms);
            self.body.set_due(Side::Read, due_ms);
        }
    }

    pub(crate) fn body_moved(&self, bytes: usize) {
        self.sends.moved(self.now_ms(), bytes);
        self.body.set_due(Side::Read, NEVER);
    }

    pub(crate) fn body_problem(&self) -> Option<Problem> {
        (self.body.due(Side::Read) <= self.now_ms()).then_some(Problem::BodyTooSlow)
    }

    pub(crate) fn answer_offered(&self, bytes: usize) {
        let now_ms = self.now_ms();
        self.offered_bytes.set(bytes);
        let due_ms = self.takes.wait(now_ms).min(now_ms + self.session.config.send_ms);
        self.watch.set_due(Side::Write, due_ms);
    }

    pub(crate) fn answer_taken(&self) {
        self.takes.moved(self.now_ms(), self.offered_bytes.take());
        self.watch.set_due(Side::Write, NEVER);
    }

    /// It asks for a tunnel.
    pub(crate) fn may_switch(&self, upgrade: Option<OnUpgrade>) {
        self.upgrade.set(upgrade);
    }

    /// Its answer, which is about to go out, begins a tunnel to this server.
    pub(crate) fn switch(self: &Rc<Self>, server: Box<ServerSide>) {
        if let Some(upgrade) = self.upgrade.take() {
            let switched = Switched::new(self.clone(), upgrade, server);
            self.session.switch(Box::new(switched));
        }
    }

    pub(crate) fn leave(&self) {
        self.session.leave();
    }

    /// Whether the client leaves its answer lying: its window is used up and
    /// stays so.
    fn is_stalled(&self) -> bool {
        self.watch.due(Side::Write) <= self.now_ms()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.session.request_ends();
    }
}

/// Starts the tasks of one connection.
#[derive(Clone)]
pub(super) struct Tasks(pub(super) Rc<Session>);

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        // hyper asks for the answer and starts its task in one breath, and so it does
        // when the answer, and a tunnel with it, is there.
        let Some(stream) = self.0.take_begun() else {
            match self.0.take_switched() {
                Some(switched) => spawn_local(switched.run(future)),
                None => spawn_local(future),
            };
            return;
        };
        let worker = self.0.worker.clone();
        spawn_local(async move {
            let mut future = pin!(future);
            let stalled = poll_fn(|cx| {
                stream.watch.listen(cx);
                stream.watch.clear_alarm();
                if future.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(false);
                }
                if stream.is_stalled() {
                    return Poll::Ready(true);
                }
                Poll::Pending
            })
            .await;
            // Not taken if the client has taken its request back at the last moment.
            drop(stream.session.take_switched());
            // Dropping what is left resets the stream; the others go on.
            worker.stats().timeouts.add(u64::from(stalled));
        });
    }
}
