//! TCP (RFC 7766): queries behind a length, as many as a client likes on one
//! connection, answered in order. Connections are bounded in number, and each in
//! time: for its first query, between queries, and for taking its answers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_server::net::xfer::Protocol;
use service::Shutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};

use super::connections::{Connections, Place};
use super::{Exchange, Outbox};
use crate::message::HEADER_BYTES;

/// Answers are gathered up to this before they are written.
const FLUSH_BYTES: usize = 32 * 1024;
/// Longest message that is read. A query is one question and some options, far less
/// than this; who announces more would only take memory with what is half sent.
const MAX_QUERY_BYTES: usize = 4096;
/// How much of what a client still sends is thrown away after the last answer.
const MAX_DISCARDED_BYTES: usize = 128 * 1024;
/// How long a message that has begun to arrive may take when a drain has begun.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// Bounds of connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time, of all clients.
    pub max_connections: usize,
    /// Connections at a time, of one client.
    pub max_connections_per_client: usize,
    /// From the connection's opening to the end of its first query.
    pub first_query: Duration,
    /// From a query to the end of the next.
    pub idle: Duration,
    /// For the client to take answers that are ready.
    pub write: Duration,
}

/// The bounds that listeners share.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    exchange: Arc<Exchange>,
    connections: Arc<Connections>,
    limits: Limits,
}

impl Server {
    pub(crate) fn new(exchange: Arc<Exchange>, limits: Limits) -> Self {
        Self {
            exchange,
            connections: Connections::new(limits.max_connections, limits.max_connections_per_client),
            limits,
        }
    }

    /// Accepts until the shutdown begins, then lets connections finish what they
    /// have asked.
    pub(crate) async fn serve(self, listener: Arc<TcpListener>, shutdown: Shutdown) -> io::Result<()> {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.begun() => break,
                Some(ended) = tasks.join_next() => note(ended),
                accepted = listener.accept() => match accepted {
                    Ok((stream, client)) => {
                        let (place, evicted) = self.connections.enter(client.ip());
                        if evicted {
                            self.exchange.metrics.tcp_evicted.inc();
                        }
                        tasks.spawn(self.clone().connection(stream, client, place, shutdown.clone()));
                    }
                    Err(error) => {
                        // Out of descriptors, most likely; connections that end give some back.
                        debug!(%error, "cannot accept");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                },
            }
        }
        while let Some(ended) = tasks.join_next().await {
            note(ended);
        }
        Ok(())
    }

    async fn connection(self, mut stream: TcpStream, client: SocketAddr, place: Place, shutdown: Shutdown) {
        self.exchange.metrics.tcp_open.inc();
        tokio::select! {
            () = place.evicted.cancelled() => {}
            ended = self.converse(&mut stream, client, &place, &shutdown) => {
                if let Err(error) = ended {
                    debug!(%client, %error, "connection ended");
                }
            }
        }
        self.exchange.metrics.tcp_open.dec();
    }

    async fn converse(
        &self,
        stream: &mut TcpStream,
        client: SocketAddr,
        place: &Place,
        shutdown: &Shutdown,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let outbox = Outbox::default();
        let mut answer = Vec::new();
        let (mut received, mut ready) = (Vec::with_capacity(1024), Vec::new());
        let mut deadline = Instant::now() + self.limits.first_query;
        let mut draining = false;
        loop {
            let mut used = 0;
            while let Some(query) = first_message(&received[used..]) {
                self.exchange
                    .respond(query, client, Protocol::Tcp, &outbox, &mut answer)
                    .await;
                if answer.is_empty() {
                    // It speaks something else: nothing behind this makes sense.
                    return self.write(stream, &mut ready).await;
                }
                // An answer has at most 65 535 bytes: its limit by TCP.
                ready.extend((answer.len() as u16).to_be_bytes());
                ready.extend_from_slice(&answer);
                used += 2 + query.len();
                if ready.len() >= FLUSH_BYTES {
                    self.write(stream, &mut ready).await?;
                }
            }
            if used > 0 {
                received.drain(..used);
                place.active();
                deadline = Instant::now() + self.limits.idle;
            }
            if let Some(header) = header_of_too_long(&received) {
                // Too short for what it counts, so it is malformed whatever it says.
                self.exchange
                    .respond(header, client, Protocol::Tcp, &outbox, &mut answer)
                    .await;
                if !answer.is_empty() {
                    ready.extend((answer.len() as u16).to_be_bytes());
                    ready.extend_from_slice(&answer);
                }
                self.write(stream, &mut ready).await?;
                return hang_up(stream).await;
            }
            self.write(stream, &mut ready).await?;
            if draining && received.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                read = timeout_at(deadline, stream.read_buf(&mut received)) => match read {
                    Ok(Ok(0)) => return Ok(()),
                    Ok(read) => { read?; }
                    Err(_) => return Ok(()), // idle for too long (RFC 7766 section 6.2.3)
                },
                () = shutdown.begun(), if !draining => {
                    draining = true;
                    deadline = deadline.min(Instant::now() + DRAIN_GRACE);
                }
            }
        }
    }

    async fn write(&self, stream: &mut TcpStream, ready: &mut Vec<u8>) -> io::Result<()> {
        if !ready.is_empty() {
            timeout(self.limits.write, stream.write_all(ready)).await??;
            ready.clear();
        }
        Ok(())
    }
}

/// The first message of what was received, if all of it is there and it is not too
/// long. What is received is bounded by the longest message and one read more.
fn first_message(received: &[u8]) -> Option<&[u8]> {
    let (length, rest) = announced(received)?;
    rest.get(..length).filter(|_| length <= MAX_QUERY_BYTES)
}

/// The header of a first message that is too long, as soon as it is there.
fn header_of_too_long(received: &[u8]) -> Option<&[u8]> {
    let (length, rest) = announced(received)?;
    rest.get(..HEADER_BYTES).filter(|_| length > MAX_QUERY_BYTES)
}

fn announced(received: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = received.split_first_chunk::<2>()?;
    Some((usize::from(u16::from_be_bytes(*length)), rest))
}

/// Ends a connection whose client may still be sending. Closed at once, the system
/// would reset it, and the client might never see the answer.
async fn hang_up(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut scratch = [0; 1024];
    let discard = async {
        let mut discarded = 0;
        while discarded < MAX_DISCARDED_BYTES {
            match stream.read(&mut scratch).await? {
                0 => break,
                read => discarded += read,
            }
        }
        Ok(())
    };
    timeout(DRAIN_GRACE, discard).await.unwrap_or(Ok(()))
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        warn!(%error, "a connection ended by a fault of ours");
    }
}
