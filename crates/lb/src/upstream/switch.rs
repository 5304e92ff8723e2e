//! A server that has switched protocols: the connection to it stops being HTTP
//! and never comes back to the kept ones.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tracing::debug;

use super::Upstream;
use super::exchange::late;
use crate::pool::in_flight::InFlight;
use crate::problem::Problem;
use crate::tunnel::ServerSide;

/// A tunnel may be silent for long, and so is a machine that has vanished. After
/// so long without a sign it is asked for one.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);

/// Takes the connection out of HTTP's hands after a 101.
pub(crate) async fn switch(mut upstream: Box<Upstream>, in_flight: Option<InFlight>) -> Result<ServerSide, Problem> {
    // HTTP is over when all of the request is out, which a hasty server may not
    // have waited for.
    poll_fn(|cx| {
        upstream.watch.listen(cx);
        match upstream.poll_drive(cx) {
            Poll::Pending if upstream.watch.alarm().is_none() => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
    let Some(parts) = upstream.parts else {
        return Err(late(&upstream.watch, Problem::FirstByteTimeout));
    };
    let stream = parts.io.into_inner().into_stream();
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_INTERVAL);
    if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
        debug!(%error, "socket options not set");
    }
    Ok(ServerSide::new(stream, parts.read_buf.into(), in_flight))
}
