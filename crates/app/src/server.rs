//! The HTTP/1.1 listener: how connections begin, are bounded, and end.
//!
//! After SIGTERM `/healthz` fails at once, while connections are accepted for
//! another `drain_notice_ms`: balancers see the failing probe before they see a
//! closed port. Then the port closes, requests in flight finish, idle
//! connections end, and what is left at the deadline is cut.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ::service::Shutdown;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, info, warn};

use crate::config::Limits;
use crate::connection::Impatient;
use crate::front::Front;

/// Room for a request's head; hyper answers 431 to a larger one. A stream URL
/// of 15,000 characters in a query must fit.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Serves until the shutdown begins, then drains within its deadline.
pub(crate) async fn serve(
    listener: TcpListener,
    front: Arc<Front>,
    limits: &Limits,
    drain_notice: Duration,
    shutdown: &Shutdown,
) {
    let connections = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(limits.max_connections));
    let drain_deadline = async {
        shutdown.begun().await;
        let deadline = Instant::now() + shutdown.deadline();
        sleep(drain_notice).await;
        deadline
    };
    tokio::pin!(drain_deadline);

    let deadline = loop {
        tokio::select! {
            biased;
            deadline = &mut drain_deadline => break deadline,
            (stream, permit) = accept(&listener, &permits) => {
                let connection = serve_one(stream, front.clone(), limits, &connections);
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
        }
    };
    drop(listener);
    let in_flight = connections.count();
    if timeout_at(deadline, connections.shutdown()).await.is_err() {
        warn!(in_flight, "drain deadline passed: connections are cut");
    } else {
        info!(in_flight, "drained");
    }
}

/// The next connection, once there is room for it: until then it waits in the
/// kernel's queue.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, tokio::sync::OwnedSemaphorePermit) {
    let permit = permits
        .clone()
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                // Mostly no file descriptor is left: give others time to end.
                warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn serve_one(
    stream: TcpStream,
    front: Arc<Front>,
    limits: &Limits,
    connections: &GracefulShutdown,
) -> impl Future<Output = ()> + use<> {
    let peer = stream.peer_addr();
    // Small answers must not wait for an acknowledgement; without it they are only slower.
    let _slower = stream.set_nodelay(true);
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let front = front.clone();
        let peer = peer.as_ref().ok().map(std::net::SocketAddr::ip);
        async move { Ok::<_, Infallible>(front.answer(request.map(Body::new), peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout())
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(
            TokioIo::new(Impatient::new(stream, limits.stalled_client_timeout())),
            service,
        );
    let watched = connections.watch(connection);
    async move {
        if let Err(error) = watched.await {
            debug!(%error, "connection ended");
        }
    }
}
