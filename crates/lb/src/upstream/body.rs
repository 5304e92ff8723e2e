//! An answer's body on its way to the client. Reading it drives the connection
//! it comes from; when it has been read, the connection is put back.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;

use super::Upstream;
use crate::pool::in_flight::InFlight;
use crate::pool::view::Link;
use crate::problem::Problem;
use crate::request::body::Source;
use crate::request::headers::strip_hop_by_hop;
use crate::tunnel::ServerSide;
use crate::watch::{NEVER, Side};
use crate::worker::Worker;

/// The answer ended before its end. Its head is out already, so all that can be
/// done is to let the client see that it was cut off.
#[derive(Debug, Clone, Copy, Error)]
#[error("the answer was cut off")]
pub(crate) struct CutOff;

/// The rest of an answer whose head has been passed on.
pub(crate) struct AnswerBody {
    incoming: Incoming,
    /// The connection, until the body has been read.
    source: Option<SourceConnection>,
    /// What the connection has become, if the server has switched protocols.
    switched: Option<Box<ServerSide>>,
    /// It has ended in trailers, behind which nobody asks for more.
    ended: bool,
}

struct SourceConnection {
    upstream: Box<Upstream>,
    worker: Rc<Worker>,
    link: Rc<Link>,
    between_bytes_ms: u64,
    _in_flight: Option<InFlight>,
    /// The body of the request, which may still be on its way.
    request: Option<Rc<Source>>,
}

impl SourceConnection {
    /// The server has begun an answer and broken it off. What the client did to
    /// its own body is not the server's fault.
    fn broken_off(&self) {
        if self.request.as_ref().is_some_and(|body| body.failure().is_some()) {
            return;
        }
        self.worker
            .server_traffic(&self.link, |traffic| traffic.failures.add(1));
        self.link.totals[self.worker.id].failures.add(1);
        self.link.pool.failed(&self.link.server, Problem::AnswerCut);
    }
}

impl AnswerBody {
    pub(crate) fn new(
        incoming: Incoming,
        upstream: Box<Upstream>,
        worker: &Rc<Worker>,
        link: &Rc<Link>,
        between_bytes_ms: u64,
        due_ms: u64,
        in_flight: Option<InFlight>,
    ) -> Self {
        // From here on nothing is sent again.
        upstream.watch.reset();
        upstream.watch.set_due(Side::Write, due_ms);
        let mut body = Self {
            incoming,
            source: Some(SourceConnection {
                upstream,
                worker: worker.clone(),
                link: link.clone(),
                between_bytes_ms,
                _in_flight: in_flight,
                request: None,
            }),
            switched: None,
            ended: false,
        };
        // A small answer is all here by now, and the connection free.
        let free = |source: &SourceConnection| source.upstream.sender.is_ready();
        if body.incoming.is_end_stream() || body.source.as_ref().is_some_and(free) {
            body.release();
        }
        body
    }

    /// The same, of an answer to a request with this body.
    pub(crate) fn answering(mut self, body: Option<Rc<Source>>) -> Self {
        if let Some(source) = &mut self.source {
            source.request = body;
        }
        self
    }

    /// No body, of an answer behind which there is a tunnel.
    pub(crate) fn switched(incoming: Incoming, server: Box<ServerSide>) -> Self {
        Self {
            incoming,
            source: None,
            switched: Some(server),
            ended: false,
        }
    }

    /// The server's side of the tunnel that follows this answer, if one does.
    pub(crate) fn take_switched(&mut self) -> Option<Box<ServerSide>> {
        self.switched.take()
    }

    /// The answer is whole. Puts the connection back if it can be used again.
    fn release(&mut self) {
        let Some(mut source) = self.source.take() else { return };
        source.link.server.succeeded();
        if source.upstream.is_free() {
            let now_ms = source.worker.clock.now_ms();
            source.link.idle.push(source.upstream, now_ms);
        }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let polled = std::task::ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        if let Some(source) = &self.source {
            source.upstream.watch.set_due(Side::Read, NEVER);
        }
        Poll::Ready(match polled {
            Some(Ok(mut frame)) => {
                // A client of HTTP/2 would take the whole answer to be malformed.
                if let Some(trailers) = frame.trailers_mut() {
                    strip_hop_by_hop(trailers);
                    self.ended = true;
                }
                Some(Ok(frame))
            }
            Some(Err(_)) => {
                if let Some(source) = self.source.take() {
                    source.broken_off();
                }
                Some(Err(CutOff))
            }
            None => {
                self.release();
                None
            }
        })
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = this.poll_incoming(cx) {
            return Poll::Ready(frame);
        }
        // Nothing read yet: let the connection read, then look again.
        if let Some(source) = &mut this.source {
            source.upstream.watch.listen(cx);
            let _ended = source.upstream.poll_drive(cx);
        }
        if let Poll::Ready(frame) = this.poll_incoming(cx) {
            return Poll::Ready(frame);
        }
        let Some(source) = &this.source else {
            return Poll::Ready(Some(Err(CutOff)));
        };
        let watch = &source.upstream.watch;
        if watch.alarm().is_some() {
            this.source = None;
            return Poll::Ready(Some(Err(CutOff)));
        }
        if watch.due(Side::Read) == NEVER {
            watch.set_due(Side::Read, source.worker.clock.now_ms() + source.between_bytes_ms);
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        // hyper does not ask again for what a Content-Length has ended.
        if self.ended || self.incoming.is_end_stream() {
            self.release();
        }
    }
}
