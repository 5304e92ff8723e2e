//! A request's body on its way to a server: streamed, never collected. The
//! first 64 KB are remembered, so that a small body can be sent again to
//! another server if the first one never got it.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::connection::requester::Requester;
use crate::overload::Place;
use crate::problem::Problem;
use crate::request::headers::{strip_hop_by_hop, strip_trailers};
use crate::watch::{NEVER, Side, Watch};

/// As much of a body is remembered.
const REPLAY_BYTES: usize = 64 * 1024;

/// What the client sends, whichever server it goes to.
pub(crate) struct Source {
    incoming: RefCell<Incoming>,
    client: Requester,
    kept: RefCell<Vec<Bytes>>,
    kept_bytes: Cell<usize>,
    /// More has passed than is remembered.
    overflowed: Cell<bool>,
    ended: Cell<bool>,
    /// Why the client's body cannot be had.
    failed: Cell<Option<Problem>>,
    /// The server has answered: its deadline is not the body's any more.
    answered: Cell<bool>,
    /// How long the server has after each piece, milliseconds.
    first_byte_ms: u64,
    /// When the last piece came.
    moved_at: Cell<Option<Instant>>,
    /// The request's place in its pool, until it is answered.
    place: RefCell<Option<Place>>,
}

impl Source {
    pub(crate) fn new(incoming: Incoming, client: Requester, first_byte_ms: u64) -> Rc<Self> {
        Rc::new(Self {
            incoming: RefCell::new(incoming),
            client,
            kept: RefCell::default(),
            kept_bytes: Cell::new(0),
            overflowed: Cell::new(false),
            ended: Cell::new(false),
            failed: Cell::new(None),
            answered: Cell::new(false),
            first_byte_ms,
            moved_at: Cell::new(None),
            place: RefCell::default(),
        })
    }

    /// Whether the body can be sent once more from its beginning.
    pub(crate) fn is_replayable(&self) -> bool {
        !self.overflowed.get() && self.failed.get().is_none()
    }

    /// Why the client's body could not be had, if so.
    pub(crate) fn failure(&self) -> Option<Problem> {
        self.failed.get()
    }

    /// Whether the client's body has been read to its end.
    pub(crate) fn is_over(&self) -> bool {
        self.ended.get() || self.incoming.borrow().is_end_stream()
    }

    pub(crate) fn set_answered(&self) {
        self.answered.set(true);
        self.place.take();
    }

    /// Holds the request's place, which does not count while the client is waited for.
    pub(crate) fn hold(&self, place: Place) {
        self.place.replace(Some(place));
    }

    /// When the last piece of it came, if any did.
    pub(crate) fn moved_at(&self) -> Option<Instant> {
        self.moved_at.get()
    }

    fn count(&self, counted: bool) {
        if let Some(place) = &*self.place.borrow() {
            place.count(counted);
        }
    }

    fn keep(&self, chunk: &Bytes) {
        let total = self.kept_bytes.get() + chunk.len();
        if self.overflowed.get() || total > REPLAY_BYTES {
            self.overflowed.set(true);
            self.kept.borrow_mut().clear();
        } else {
            self.kept_bytes.set(total);
            self.kept.borrow_mut().push(chunk.clone());
        }
    }

    fn poll_next(&self, cx: &mut Context<'_>, server: &Watch) -> Poll<Option<Result<Frame<Bytes>, Problem>>> {
        let polled = Pin::new(&mut *self.incoming.borrow_mut()).poll_frame(cx);
        let now_ms = self.client.now_ms();
        let mut bytes = 0;
        let result = match polled {
            Poll::Pending => match self.client.body_problem() {
                Some(problem) => Err(problem),
                None => {
                    self.client.body_awaited(cx);
                    self.count(false);
                    if !self.answered.get() {
                        // The client is slow, not the server.
                        server.set_due(Side::Read, NEVER);
                    }
                    return Poll::Pending;
                }
            },
            Poll::Ready(Some(Ok(mut frame))) => {
                if let Some(chunk) = frame.data_ref() {
                    bytes = chunk.len();
                    self.keep(chunk);
                } else {
                    // Trailers are not remembered.
                    self.overflowed.set(true);
                }
                if let Some(trailers) = frame.trailers_mut() {
                    strip_trailers(trailers);
                    strip_hop_by_hop(trailers);
                }
                Ok(Some(frame))
            }
            Poll::Ready(None) => {
                self.ended.set(true);
                Ok(None)
            }
            Poll::Ready(Some(Err(_))) => Err(self.client.body_problem().unwrap_or(Problem::BodyMalformed)),
        };
        self.client.body_moved(bytes);
        self.moved_at.set(Some(Instant::now()));
        self.count(true);
        if !self.answered.get() {
            server.set_due(Side::Read, now_ms + self.first_byte_ms);
        }
        match result {
            Ok(frame) => Poll::Ready(frame.map(Ok)),
            Err(problem) => {
                self.failed.set(Some(problem));
                Poll::Ready(Some(Err(problem)))
            }
        }
    }
}

/// A body for one attempt.
pub(crate) enum RequestBody {
    /// Nothing.
    Empty,
    /// The client's, from the beginning.
    Stream {
        /// Where it comes from.
        source: Rc<Source>,
        /// The deadline of the server it goes to.
        server: Rc<Watch>,
        /// Remembered pieces that were sent already.
        replayed: usize,
    },
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Problem;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Problem>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Stream {
                source,
                server,
                replayed,
            } => {
                if let Some(chunk) = source.kept.borrow().get(*replayed) {
                    *replayed += 1;
                    return Poll::Ready(Some(Ok(Frame::data(chunk.clone()))));
                }
                if source.ended.get() {
                    return Poll::Ready(None);
                }
                let polled = source.poll_next(cx, server);
                *replayed = source.kept.borrow().len();
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream { source, replayed, .. } => {
                *replayed >= source.kept.borrow().len()
                    && (source.ended.get() || source.incoming.borrow().is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            // The length is in the head; hyper goes by that.
            Self::Stream { .. } => SizeHint::default(),
        }
    }
}
