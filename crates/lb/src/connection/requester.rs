//! Whoever waits for one answer: a whole connection in HTTP/1, one stream of
//! many in HTTP/2. What a request's way through the balancer needs to know of
//! its client, it asks here.

use std::rc::Rc;
use std::task::Context;

use super::client::Client;
use super::http2::stream::Stream;
use super::peer::Peer;
use crate::problem::Problem;
use crate::tunnel::ServerSide;

/// The client's side of one request.
#[derive(Clone)]
pub(crate) enum Requester {
    /// HTTP/1: one request at a time.
    Connection(Rc<Client>),
    /// HTTP/2: one request a stream.
    Stream(Rc<Stream>),
}

impl Requester {
    pub(crate) fn peer(&self) -> &Peer {
        match self {
            Self::Connection(client) => &client.peer,
            Self::Stream(stream) => stream.peer(),
        }
    }

    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    pub(crate) fn now_ms(&self) -> u64 {
        match self {
            Self::Connection(client) => client.now_ms(),
            Self::Stream(stream) => stream.now_ms(),
        }
    }

    /// A head is complete. A stream is one request from its beginning.
    pub(crate) fn request_begins(&self) {
        if let Self::Connection(client) = self {
            client.request_begins();
        }
    }

    /// The answer is on its way out.
    pub(crate) fn answer_ends(&self) {
        if let Self::Connection(client) = self {
            client.answer_ends();
        }
    }

    /// What is behind the answer, a connection or a stream, becomes a tunnel to this
    /// server.
    pub(crate) fn switch(&self, server: Box<ServerSide>) {
        match self {
            Self::Connection(client) => client.switch(server),
            Self::Stream(stream) => stream.switch(server),
        }
    }

    /// More of the request's body is waited for, by whoever polls it: the task
    /// of the request, or that of a shared connection to a server.
    pub(crate) fn body_awaited(&self, cx: &Context<'_>) {
        match self {
            Self::Connection(client) => client.body_awaited(cx),
            Self::Stream(stream) => stream.body_awaited(cx),
        }
    }

    /// So many bytes of the request's body have come.
    pub(crate) fn body_moved(&self, bytes: usize) {
        match self {
            Self::Connection(client) => client.body_moved(bytes),
            Self::Stream(stream) => stream.body_moved(bytes),
        }
    }

    /// Why no more of the request's body will come, if so.
    pub(crate) fn body_problem(&self) -> Option<Problem> {
        match self {
            Self::Connection(client) => client.body_problem(),
            Self::Stream(stream) => stream.body_problem(),
        }
    }

    /// So many bytes of the answer were handed over. In HTTP/1 the socket tells
    /// whether the client takes it; a stream's share of the socket does not.
    pub(crate) fn answer_offered(&self, bytes: usize) {
        if let Self::Stream(stream) = self {
            stream.answer_offered(bytes);
        }
    }

    /// The next piece of the answer is asked for, so the last one was taken.
    pub(crate) fn answer_taken(&self) {
        if let Self::Stream(stream) = self {
            stream.answer_taken();
        }
    }

    /// An answer could not be finished. HTTP/2 has a word for it.
    pub(crate) fn cut_off(&self) {
        if let Self::Connection(client) = self {
            client.cut_off();
        }
    }

    /// Nobody shall come back on this connection. Answers whether that is left
    /// to the answer's head to say.
    pub(crate) fn leaves_by_head(&self) -> bool {
        match self {
            Self::Connection(_) => true,
            Self::Stream(stream) => {
                stream.leave();
                false
            }
        }
    }
}
