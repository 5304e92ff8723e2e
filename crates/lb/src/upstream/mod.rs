//! Connections to servers. Each belongs to one worker and is driven by the task
//! of the request that uses it: no task of its own, no wake-up across tasks.

mod answer;
pub(crate) mod body;
mod connect;
pub(crate) mod exchange;
pub(crate) mod idle;
mod io;
pub(crate) mod multiplexed;
pub(crate) mod switch;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hyper::client::conn::http1::{Connection, Parts, SendRequest};
use hyper_util::rt::TokioIo;

pub(crate) use connect::connect;

use self::io::{Counts, ServerIo};
use self::multiplexed::{Lease, Refusal};
use crate::request::body::RequestBody;
use crate::watch::Watched;

/// A connection to a server.
pub(crate) struct Upstream {
    sender: Sender,
    /// `None` once it has ended, or if others share it and tasks of its own drive it.
    connection: Option<Connection<TokioIo<ServerIo>, RequestBody>>,
    /// What was left when it ended, if the request asks for an upgrade.
    parts: Option<Parts<TokioIo<ServerIo>>>,
    upgrades: bool,
    /// Deadlines of the request that uses it.
    pub(crate) watch: Watched,
    counts: Rc<Counts>,
    /// It has answered before, so the server may have hung up in the meantime
    /// without any fault.
    pub(crate) reused: bool,
}

/// Where its requests go in.
enum Sender {
    Http1(SendRequest<RequestBody>),
    Http2(Lease),
}

impl Sender {
    /// Whether another request may go in here. A place on a shared connection is
    /// for one.
    fn is_ready(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_ready(),
            Self::Http2(_) => false,
        }
    }
}

impl Upstream {
    /// Lets the connection read and write. Ready when it has ended.
    pub(crate) fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(());
        };
        // An error has been told to whoever waits for the answer.
        let _told = std::task::ready!(Pin::new(connection).poll(cx));
        // Dropping it hands back a request that it has not begun with, and so does
        // taking it apart.
        let ended = self.connection.take().filter(|_| self.upgrades);
        self.parts = ended.map(Connection::into_parts);
        Poll::Ready(())
    }

    /// Whether the server has said, in HTTP/2, that it leaves the request undone.
    fn was_refused(&self, error: &hyper::Error) -> bool {
        let Sender::Http2(lease) = &self.sender else {
            return false;
        };
        let refusal = multiplexed::refusal(error);
        if matches!(refusal, Some(Refusal::Connection)) {
            lease.retire();
        }
        refusal.is_some()
    }

    /// Whether the last answer has been read and the last request written to
    /// the end, so that another may follow. Never true for a connection whose
    /// request body was not finished (CVE-2025-4366).
    pub(crate) fn is_free(&mut self) -> bool {
        if self.sender.is_ready() {
            return true;
        }
        let mut cx = Context::from_waker(Waker::noop());
        self.poll_drive(&mut cx).is_pending() && self.sender.is_ready()
    }

    /// Whether the server has hung up on an idle connection.
    pub(crate) fn has_ended(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.poll_drive(&mut cx).is_ready()
    }
}
