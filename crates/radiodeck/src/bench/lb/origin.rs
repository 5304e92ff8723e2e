//! The servers behind every proxy: a thread that answers with as many bytes as
//! the path says, so that each peer has the very same behind it, and that counts.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::measure::Error;

/// In an answer: bytes of the request's body that came.
pub(super) const RECEIVED: &str = "received";

static BYTES: [u8; 65_536] = [b'x'; 65_536];

/// A body of so many bytes, made as it is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filler(pub(super) u64);

impl Body for Filler {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        let length = usize::try_from(self.0).map_or(BYTES.len(), |left| left.min(BYTES.len()));
        self.0 -= length as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&BYTES[..length])))))
    }

    fn is_end_stream(&self) -> bool {
        self.0 == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

/// The running servers; dropping it ends them.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) addresses: Vec<SocketAddr>,
    counts: Vec<Arc<AtomicU64>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Origin {
    /// Starts `count` servers, each on a port of its own and all in one thread.
    pub(super) async fn start(count: usize) -> Result<Self, Error> {
        let cannot = |error: std::io::Error| Error::CannotRun(format!("no servers to be balanced: {error}"));
        let counts: Vec<_> = (0..count).map(|_| Arc::default()).collect();
        let mut listeners = Vec::new();
        for count in &counts {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
            listener.set_nonblocking(true).map_err(cannot)?;
            listeners.push((listener, Arc::clone(count)));
        }
        let addresses = listeners.iter().map(|(listener, _)| listener.local_addr());
        let addresses = addresses.collect::<Result<_, _>>().map_err(cannot)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(cannot)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                for (listener, count) in listeners {
                    tokio::spawn(accept(listener, count));
                }
                // Also when whoever could say so is gone.
                let _ = stopped.await;
            });
        });
        Ok(Self {
            addresses,
            counts,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Requests that each has answered so far, checks aside.
    pub(super) fn counts(&self) -> Vec<u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, count: Arc<AtomicU64>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::warn!(%error, "cannot listen"),
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: those that are open must get on.
            tokio::task::yield_now().await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let count = Arc::clone(&count);
        let service = service_fn(move |request| answer(request, Arc::clone(&count)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(mut request: Request<Incoming>, count: Arc<AtomicU64>) -> Result<Response<Filler>, hyper::Error> {
    let bytes = request.uri().path()[1..].parse();
    if bytes.is_ok() {
        count.fetch_add(1, Ordering::Relaxed);
    }
    let mut answer = Response::new(Filler(bytes.unwrap_or(0)));
    if !request.body().is_end_stream() {
        let mut received = 0;
        while let Some(frame) = request.body_mut().frame().await {
            received += frame?.data_ref().map_or(0, Bytes::len) as u64;
        }
        answer.headers_mut().insert(RECEIVED, received.into());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measure::http::ask;
    use crate::measure::load::Target;

    #[tokio::test]
    async fn an_answer_is_as_long_as_the_path_says_and_is_counted_where_it_was_asked_for() {
        let origin = Origin::start(2).await.expect("started");
        for (path, bytes) in [("/3", 3), ("/100000", 100_000), ("/0", 0), ("/healthz", 0)] {
            let answer = ask(
                origin.addresses[1],
                &Target::get("bench", path),
                Duration::from_secs(10),
            )
            .await;
            let answer = answer.expect("answered");
            assert_eq!((answer.status.as_u16(), answer.body.len()), (200, bytes), "{path}");
        }
        assert_eq!(origin.counts(), [0, 3]);
    }
}
