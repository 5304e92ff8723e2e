//! A request as it is sent on, in a form that can be sent more than once.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use hyper::body::Incoming;

use crate::connection::requester::Requester;
use crate::overload::Place;
use crate::request::body::{RequestBody, Source};
use crate::request::upgrade::Wish;
use crate::retry::is_idempotent;
use crate::watch::{NEVER, Watch};

/// What goes to a server.
pub(crate) struct Outgoing {
    method: Method,
    uri: Uri,
    /// The map hyper has parsed into, for the first attempt.
    headers: Cell<Option<HeaderMap>>,
    /// The same as a list, from which later attempts are made: cheaper to have
    /// ready than a second map, and hardly ever needed.
    saved: Vec<(HeaderName, HeaderValue)>,
    body: Option<Rc<Source>>,
    /// What a server may switch to.
    upgrade: Option<Wish>,
    /// When all of it has to be over, its answer included, or [`NEVER`].
    due_ms: u64,
    again: Cell<u32>,
}

impl Outgoing {
    pub(crate) fn new(
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Option<Incoming>,
        client: &Requester,
        first_byte_ms: u64,
    ) -> Self {
        let saved = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Self {
            method,
            uri,
            headers: Cell::new(Some(headers)),
            saved,
            body: body.map(|incoming| Source::new(incoming, client.clone(), first_byte_ms)),
            upgrade: None,
            due_ms: NEVER,
            again: Cell::new(0),
        }
    }

    /// A request to upgrade: its head has asked for this already.
    pub(crate) fn with_upgrade(self, upgrade: Option<Wish>) -> Self {
        Self { upgrade, ..self }
    }

    /// A request that has to be over by then.
    pub(crate) fn with_due(self, due_ms: u64) -> Self {
        Self { due_ms, ..self }
    }

    /// When all of it has to be over.
    pub(crate) fn due_ms(&self) -> u64 {
        self.due_ms
    }

    /// What a server may switch to, if it is asked to.
    pub(crate) fn upgrade(&self) -> Option<&Wish> {
        self.upgrade.as_ref()
    }

    /// It goes out once more, after an attempt that has failed.
    pub(crate) fn count_again(&self) {
        self.again.set(self.again.get() + 1);
    }

    /// How often that was.
    pub(crate) fn sent_again(&self) -> u32 {
        self.again.get()
    }

    /// Whether a server that may have seen it can be followed by another.
    pub(crate) fn is_repeatable(&self) -> bool {
        is_idempotent(&self.method) && self.is_replayable()
    }

    /// Whether it can be sent from its beginning.
    pub(crate) fn is_replayable(&self) -> bool {
        self.body.as_ref().is_none_or(|source| source.is_replayable())
    }

    /// Whether doing it twice must be ruled out.
    pub(crate) fn only_once(&self) -> bool {
        !is_idempotent(&self.method)
    }

    /// Whether several servers may work on it at once: nothing is changed by it,
    /// and there is no body that they would have to share.
    pub(crate) fn may_be_doubled(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD) && self.body.is_none() && self.upgrade.is_none()
    }

    /// The same, to be kept for as long as the answer goes on.
    pub(crate) fn shared_source(&self) -> Option<Rc<Source>> {
        self.body.clone()
    }

    /// The client's body, if there is one.
    pub(crate) fn source(&self) -> Option<&Source> {
        self.body.as_deref()
    }

    /// Keeps its place in the pool until it is answered. Answers it if the caller has
    /// to: without a body there is no time in which the place is not needed.
    pub(crate) fn hold(&self, place: Place) -> Option<Place> {
        match &self.body {
            Some(source) => {
                source.hold(place);
                None
            }
            None => Some(place),
        }
    }

    /// How long servers have had all that there is of it, if it began then.
    pub(crate) fn waited_since(&self, began: Instant) -> Duration {
        let moved = self.source().and_then(Source::moved_at);
        moved.map_or(began, |moved| moved.max(began)).elapsed()
    }

    /// The request for one attempt; `watch` is the deadline of that attempt.
    pub(crate) fn request(&self, watch: Rc<Watch>) -> Request<RequestBody> {
        let body = match &self.body {
            None => RequestBody::Empty,
            Some(source) => RequestBody::Stream {
                source: source.clone(),
                server: watch,
                replayed: 0,
            },
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        match self.headers.take() {
            Some(map) => *headers = map,
            None => {
                for (name, value) in &self.saved {
                    headers.append(name.clone(), value.clone());
                }
            }
        }
        request
    }
}
