//! HTTP/2 to a server (RFC 9113, prior knowledge): a few connections a worker
//! and server, each shared by many requests and driven by tasks of its own. A
//! request borrows one with a [`Lease`]; the rest of its way is that of HTTP/1.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::Future;
use std::rc::Rc;

use h2::Reason;
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::{Authority, Scheme};
use http::{Request, Uri, Version};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tracing::debug;

use super::connect::dial;
use super::io::{Meter, ServerIo};
use super::{Sender, Upstream};
use crate::config::UpstreamConfig;
use crate::pool::view::Link;
use crate::problem::Problem;
use crate::request::body::RequestBody;
use crate::watch::NEVER;
use crate::worker::Worker;

/// Requests on one connection before another is made.
const MAX_STREAMS: usize = 100;
/// Connections of one worker to one server. Above it, the least used is shared.
const MAX_CONNECTIONS: usize = 8;
/// What a server may send unread of one answer, and of all of a connection's.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// A worker's connections to one server.
#[derive(Default)]
pub(crate) struct Multiplexed {
    connections: RefCell<Vec<Rc<Shared>>>,
    /// One connection is made at a time; who waits for it uses it, too.
    connecting: Mutex<()>,
    /// Attempts to connect that failed, and how the last one did.
    failures: Cell<u64>,
    failure: Cell<Option<Problem>>,
}

struct Shared {
    sender: SendRequest<RequestBody>,
    streams: Cell<usize>,
    /// It takes no more requests.
    retired: Cell<bool>,
    idle_since_ms: Cell<u64>,
}

/// A place on a shared connection.
pub(crate) struct Lease {
    pub(super) sender: SendRequest<RequestBody>,
    shared: Rc<Shared>,
}

impl Lease {
    fn of(shared: &Rc<Shared>) -> Self {
        shared.streams.set(shared.streams.get() + 1);
        shared.idle_since_ms.set(NEVER);
        Self {
            sender: shared.sender.clone(),
            shared: shared.clone(),
        }
    }

    /// The server wants no more requests here; those that it has are finished.
    pub(super) fn retire(&self) {
        self.shared.retired.set(true);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.streams.set(self.shared.streams.get() - 1);
    }
}

impl Multiplexed {
    /// A place on the least used connection, if one has room.
    fn take(&self) -> Option<Lease> {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|shared| !shared.retired.get() && !shared.sender.is_closed());
        let shared = connections.iter().min_by_key(|shared| shared.streams.get())?;
        let has_room = shared.streams.get() < MAX_STREAMS || connections.len() >= MAX_CONNECTIONS;
        has_room.then(|| Lease::of(shared))
    }

    /// Takes no more requests on what there is; those under way are finished.
    pub(crate) fn clear(&self) {
        self.connections.borrow_mut().clear();
    }

    /// Drops what has been idle for `idle_ms`.
    pub(crate) fn expire(&self, now_ms: u64, idle_ms: u64) {
        self.connections.borrow_mut().retain(|shared| {
            if shared.streams.get() > 0 {
                return true;
            }
            let since_ms = shared.idle_since_ms.get().min(now_ms);
            shared.idle_since_ms.set(since_ms);
            since_ms + idle_ms >= now_ms && !shared.sender.is_closed()
        });
    }
}

/// A place on a connection to the server of `link`, for a request that has to be
/// over by `due_ms`, and whether the connection is new.
pub(crate) async fn lease(
    worker: &Worker,
    link: &Link,
    config: &UpstreamConfig,
    due_ms: u64,
) -> Result<(Box<Upstream>, bool), Problem> {
    let ours = &link.multiplexed;
    if let Some(lease) = ours.take() {
        return Ok((upstream(worker, link, lease, true), false));
    }
    let failures = ours.failures.get();
    let _turn = ours.connecting.lock().await;
    if let Some(lease) = ours.take() {
        return Ok((upstream(worker, link, lease, true), false));
    }
    // Whoever waited shares the outcome, good or bad.
    if failures != ours.failures.get()
        && let Some(problem) = ours.failure.get()
    {
        return Err(problem);
    }
    match connect(worker, link, config, due_ms).await {
        Ok(shared) => {
            let lease = Lease::of(&shared);
            ours.connections.borrow_mut().push(shared);
            Ok((upstream(worker, link, lease, false), true))
        }
        Err(problem) => {
            // Another request may have more time than this one had.
            if problem != Problem::RequestTimeout {
                ours.failures.set(ours.failures.get() + 1);
                ours.failure.set(Some(problem));
            }
            Err(problem)
        }
    }
}

fn upstream(worker: &Worker, link: &Link, lease: Lease, reused: bool) -> Box<Upstream> {
    Box::new(Upstream {
        sender: Sender::Http2(lease),
        connection: None,
        watch: worker.attempts.enter(Some(link.server.clone())),
        parts: None,
        upgrades: false,
        counts: Rc::default(),
        reused,
    })
}

async fn connect(worker: &Worker, link: &Link, config: &UpstreamConfig, due_ms: u64) -> Result<Rc<Shared>, Problem> {
    let watch = worker.attempts.enter(Some(link.server.clone()));
    let stream = dial(worker, link, config, due_ms, &watch).await?;
    let (sender, connection) = Builder::new(Tasks)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(config.max_head_bytes as u32)
        .handshake(TokioIo::new(ServerIo::new(
            stream,
            Rc::default(),
            Meter::new(worker.id, link),
        )))
        .await
        .map_err(|_| Problem::ConnectFailed)?;
    let server = link.server.address;
    spawn_local(async move {
        if let Err(error) = connection.await {
            debug!(%server, %error, "connection to a server ended");
        }
    });
    Ok(Rc::new(Shared {
        sender,
        streams: Cell::new(0),
        retired: Cell::new(false),
        idle_since_ms: Cell::new(NEVER),
    }))
}

/// Runs a connection's tasks on its worker.
#[derive(Clone)]
struct Tasks;

impl<F: Future<Output = ()> + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

/// Puts a request of HTTP/1.1 into the form of HTTP/2 (RFC 9113 8.3.1).
pub(super) fn fit(request: &mut Request<RequestBody>) {
    let headers = request.headers_mut();
    headers.remove(CONNECTION);
    headers.remove(TRANSFER_ENCODING);
    let authority = headers.remove(HOST);
    let authority = authority.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = authority.is_some().then_some(Scheme::HTTP);
    parts.authority = authority;
    // Both are there or neither: a host that was routed on is an authority.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    *request.version_mut() = Version::HTTP_2;
}

/// How a server has refused a request that it has not begun with.
pub(super) enum Refusal {
    /// This request.
    Stream,
    /// All from this one on (RFC 9113 6.8).
    Connection,
}

/// Whether the server is sure not to have processed the request (RFC 9113 8.7).
pub(super) fn refusal(error: &hyper::Error) -> Option<Refusal> {
    let error = error.source()?.downcast_ref::<h2::Error>()?;
    if !error.is_remote() {
        return None;
    }
    if error.is_go_away() {
        return Some(Refusal::Connection);
    }
    (error.reason() == Some(Reason::REFUSED_STREAM)).then_some(Refusal::Stream)
}

#[cfg(test)]
mod tests {
    use http::uri::PathAndQuery;

    use super::*;

    #[test]
    fn rfc_9113_8_3_1_the_host_becomes_the_authority_and_the_path_stays() {
        for path in ["/x?y", "//x/%2f", "*"] {
            let mut request = Request::new(RequestBody::Empty);
            *request.uri_mut() = path.parse().expect("a target");
            request.headers_mut().insert(HOST, "a:81".parse().expect("a value"));
            fit(&mut request);
            assert_eq!(request.uri().path_and_query().map(PathAndQuery::as_str), Some(path));
            assert_eq!(request.uri().authority().map(Authority::as_str), Some("a:81"), "{path}");
            assert!(request.headers().is_empty());
        }
    }
}
