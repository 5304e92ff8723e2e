//! Makes connections. Waiting for one ends at the deadline, or as soon as the
//! server is known to be out: with a machine gone from the network, the first
//! requests to find out spare all others the wait.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;
use tracing::debug;

use super::exchange::late;
use super::io::{Counts, Meter, ServerIo};
use super::{Sender, Upstream};
use crate::config::UpstreamConfig;
use crate::pool::view::Link;
use crate::problem::Problem;
use crate::watch::{Alarm, GiveUp, Side, Watch};
use crate::worker::Worker;

/// Largest read from a server at once, bytes: large answers take few calls.
const MAX_BUFFER_BYTES: usize = 256 * 1024;

/// A new connection to the server of `link`, for a request that has to be over by
/// `due_ms`.
pub(crate) async fn connect(
    worker: &Worker,
    link: &Link,
    config: &UpstreamConfig,
    due_ms: u64,
) -> Result<Box<Upstream>, Problem> {
    let watch = worker.attempts.enter(Some(link.server.clone()));
    let stream = dial(worker, link, config, due_ms, &watch).await?;
    let counts = Rc::new(Counts::default());
    let io = TokioIo::new(ServerIo::new(stream, counts.clone(), Meter::new(worker.id, link)));
    let (sender, connection) = Builder::new()
        .max_buf_size(MAX_BUFFER_BYTES.max(config.max_head_bytes))
        .max_header_size(config.max_head_bytes)
        .handshake(io)
        .await
        .map_err(|_| Problem::ConnectFailed)?;
    Ok(Box::new(Upstream {
        sender: Sender::Http1(sender),
        connection: Some(connection),
        parts: None,
        upgrades: false,
        watch,
        counts,
        reused: false,
    }))
}

/// A socket that is connected to the server of `link`, and `watch` free again.
pub(super) async fn dial(
    worker: &Worker,
    link: &Link,
    config: &UpstreamConfig,
    due_ms: u64,
    watch: &Watch,
) -> Result<TcpStream, Problem> {
    let server = &link.server;
    watch.set_due(Side::Read, worker.clock.now_ms() + config.connect_ms);
    watch.set_due(Side::Write, due_ms);
    // A server that is tried although it is out (nobody else is left) is waited
    // for.
    if !server.is_dead() && !server.is_ejected() {
        watch.set_give_up(GiveUp::IfOut);
    }
    let stream = {
        let mut connecting = pin!(TcpStream::connect(server.address));
        poll_fn(|cx| {
            watch.listen(cx);
            if let Poll::Ready(result) = connecting.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(|error| {
                    debug!(server = %server.address, %error, "cannot connect");
                    Problem::ConnectFailed
                }));
            }
            match watch.alarm() {
                Some(Alarm::Due) => Poll::Ready(Err(late(watch, Problem::ConnectTimeout))),
                Some(_) => Poll::Ready(Err(Problem::ServerLost)),
                None => Poll::Pending,
            }
        })
        .await?
    };
    watch.reset();
    tune(&stream, config);
    Ok(stream)
}

/// Socket options. One that cannot be had costs speed, not correctness.
fn tune(stream: &TcpStream, config: &UpstreamConfig) {
    let nodelay = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let unacknowledged =
        SockRef::from(stream).set_tcp_user_timeout(Some(Duration::from_millis(config.unacknowledged_ms)));
    #[cfg(not(target_os = "linux"))]
    let unacknowledged = {
        let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_millis(config.unacknowledged_ms));
        SockRef::from(stream).set_tcp_keepalive(&keepalive)
    };
    if let Err(error) = nodelay.and(unacknowledged) {
        debug!(%error, "socket options not set");
    }
}
