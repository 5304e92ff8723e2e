//! UDP: workers that share an address by SO_REUSEPORT, one socket each, so that
//! the kernel spreads clients over them and no lock is between them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_server::net::xfer::Protocol;
use service::Shutdown;
use tokio::net::UdpSocket;
use tokio::time::timeout;
use tracing::debug;

use super::{Exchange, Outbox};

/// No datagram is longer.
const MAX_DATAGRAM_BYTES: usize = 65_535;
/// A full send buffer empties in far less, or the network is gone.
const SEND_DEADLINE: Duration = Duration::from_millis(50);
/// A drain answers what had arrived, which is no more than this many datagrams or
/// what is answered in this time: what a flood adds meanwhile must not keep it alive.
const DRAIN_DATAGRAMS: usize = 8192;
const DRAIN_DEADLINE: Duration = Duration::from_millis(100);
/// Datagrams of a drain between two looks at what else has to run.
const DRAIN_YIELD: usize = 32;
/// What the kernel keeps while we are busy; it may grant less.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Asks the kernel to keep bursts rather than drop them. Best effort: its bound is the system's.
pub(crate) fn widen(socket: &UdpSocket) {
    if let Err(error) = socket2::SockRef::from(socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES) {
        debug!(%error, "the receive buffer keeps its size");
    }
}

/// Answers until the shutdown begins, then answers what has arrived, within
/// [`DRAIN_DEADLINE`].
///
/// Under a flood there is always a datagram. The loop still lets others run, because
/// tokio's sockets count against the budget of a task, and it sees the shutdown.
///
/// # Errors
/// What makes the socket useless; a single datagram never does.
pub(crate) async fn serve(socket: Arc<UdpSocket>, exchange: Arc<Exchange>, shutdown: Shutdown) -> io::Result<()> {
    let mut query = vec![0; MAX_DATAGRAM_BYTES];
    let mut answer = Vec::with_capacity(2048);
    let outbox = Outbox::default();
    loop {
        let received = tokio::select! {
            biased;
            received = socket.recv_from(&mut query) => received,
            () = shutdown.begun() => break,
        };
        if let Some((length, client)) = usable(received).await? {
            answer_one(&socket, &exchange, &outbox, &query[..length], client, &mut answer).await;
        }
        if shutdown.has_begun() {
            break;
        }
    }
    let end = Instant::now() + DRAIN_DEADLINE;
    for taken in 1..=DRAIN_DATAGRAMS {
        // Unlike recv_from, this counts against no budget.
        let Ok((length, client)) = socket.try_recv_from(&mut query) else {
            break;
        };
        answer_one(&socket, &exchange, &outbox, &query[..length], client, &mut answer).await;
        if Instant::now() >= end {
            break;
        }
        if taken % DRAIN_YIELD == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// Errors of a UDP socket tell of answers that went nowhere (ICMP) or of a lack
/// that passes; only a socket that is none is the end.
async fn usable(received: io::Result<(usize, SocketAddr)>) -> io::Result<Option<(usize, SocketAddr)>> {
    match received {
        Ok(datagram) => Ok(Some(datagram)),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected) => Err(error),
        Err(error) => {
            debug!(%error, "cannot receive");
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(None)
        }
    }
}

async fn answer_one(
    socket: &UdpSocket,
    exchange: &Exchange,
    outbox: &Outbox,
    query: &[u8],
    client: SocketAddr,
    answer: &mut Vec<u8>,
) {
    exchange.respond(query, client, Protocol::Udp, outbox, answer).await;
    if answer.is_empty() {
        return;
    }
    let sent = match socket.try_send_to(answer, client) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            match timeout(SEND_DEADLINE, socket.send_to(answer, client)).await {
                Ok(sent) => sent,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            }
        }
        sent => sent,
    };
    if sent.is_err() {
        exchange.metrics.drop(Protocol::Udp, "unsendable");
    }
}
