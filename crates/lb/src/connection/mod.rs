//! A client's connection, from its first byte to its last: TLS if the listener
//! says so, hyper speaks HTTP on it, the scanner looks on, and the sweep ends what
//! takes too long.

pub(crate) mod client;
pub(crate) mod handshake;
mod held;
pub(crate) mod http1;
pub(crate) mod http2;
mod io;
mod pace;
pub(crate) mod peer;
pub(crate) mod proxy_protocol;
pub(crate) mod requester;
mod rest;
mod stream;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use self::client::Client;
use self::io::ClientIo;
use self::peer::Peer;
use self::stream::Stream;
use crate::access_log::Record;
use crate::problem::Problem;
use crate::respond;
use crate::tls::Tls;
use crate::tunnel::{self, Ended, ServerSide};
use crate::worker::Worker;

/// After a refusal, what the client still sends is read for this long and this
/// far, so that it reads the answer before it meets a reset.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: u64 = 256 * 1024;
/// And so after an answer of a server that did not wait for the whole request:
/// many clients look for an answer only when they have sent all.
const LONG_LINGER: Duration = Duration::from_secs(5);
const LONG_LINGER_BYTES: u64 = 64 * 1024 * 1024;

/// How a connection ends.
pub(crate) enum End {
    /// Both sides are done, or one of them broke off.
    Closed,
    /// It goes on as a tunnel to this server.
    Switched(Box<ServerSide>),
    /// Nobody is missing an answer.
    Idle,
    /// The same, but the client may come back: it goes on without hyper until then.
    Resting,
    /// Its place is needed by another.
    Evicted,
    /// The client has reset the connection and takes no answer.
    Gone,
    /// An answer is still owed, outside of hyper.
    Answer(Problem),
    /// The client does not take what it asked for.
    Stalled,
    /// An answer could not be finished.
    CutOff,
    /// It goes on as HTTP/2.
    Http2,
}

/// Serves a connection until it ends; with `secure` TLS is spoken on it.
///
/// What is needed at its beginning, at its end and while something is asked for is
/// on the heap and goes again: most connections are idle most of the time.
pub(crate) async fn serve(worker: Rc<Worker>, stream: TcpStream, peer: SocketAddr, secure: bool) {
    let Some((client, mut io)) = Box::pin(open(&worker, stream, peer, secure)).await else {
        return;
    };
    let end = loop {
        let (end, after) = Box::pin(http1::speak(&worker, &client, io, peer)).await;
        io = after;
        if !matches!(end, End::Resting) {
            break end;
        }
        if let Some(end) = rest::rest(&client, &io).await {
            break end;
        }
    };
    Box::pin(close(worker, client, *io, end, peer)).await;
}

/// Makes what speaks HTTP/1 on a connection. `None` if it is over already, which
/// it is after HTTP/2, too.
async fn open(
    worker: &Rc<Worker>,
    stream: TcpStream,
    peer: SocketAddr,
    secure: bool,
) -> Option<(Rc<Client>, Box<ClientIo>)> {
    // Without it a split write waits for a delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "client left at once");
        return None;
    }
    let tls = worker.shared.tls.as_ref().filter(|_| secure).map(Tls::now);
    let client = Rc::new(Client::new(worker, peer, tls.as_deref()));
    let http2 = worker.plan().config.http2.enabled;
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(tls) => match handshake::handshake(worker, &client, stream, tls.server(http2).clone()).await {
            Some(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                let who = client.peer.clone();
                drop(client);
                Box::pin(http2::serve(worker.clone(), Stream::Tls(stream), peer, who, Vec::new())).await;
                return None;
            }
            Some(stream) => Stream::Tls(stream),
            None => return None,
        },
    };
    let io = ClientIo::new(stream, client.clone(), worker.clone(), http2 && !secure);
    Some((client, Box::new(io)))
}

/// Does what is left to do for a connection that ends so.
async fn close(worker: Rc<Worker>, client: Rc<Client>, io: ClientIo, end: End, peer: SocketAddr) {
    let who = client.peer.clone();
    let (stream, early) = io.into_parts();
    match end {
        End::Idle if stream.takes_leave() => take_leave(stream).await,
        // At once: whatever is waited for here, another waits for as well.
        End::Evicted => worker.stats().evicted.add(1),
        // Without room for what the client has sent already, there is no tunnel.
        End::Switched(_) if client.refused().is_some() => cut(&stream),
        End::Switched(server) => Box::pin(tunnel(&worker, &client, stream, early, *server)).await,
        End::Idle | End::Gone | End::Resting => {}
        End::Closed if client.has_ended() => {}
        End::Closed if worker.shared.is_draining() => linger(stream, LINGER, LINGER_BYTES).await,
        End::Closed => linger(stream, LONG_LINGER, LONG_LINGER_BYTES).await,
        End::Answer(problem) => answer(&worker, &who, stream, problem).await,
        End::Http2 => Box::pin(http2::serve(worker, stream, peer, who, early)).await,
        End::Stalled | End::CutOff => {
            worker.stats().timeouts.add(u64::from(matches!(end, End::Stalled)));
            cut(&stream);
        }
    }
}

/// Makes the coming close a reset: a plain one would look like a good end of an
/// answer without length.
fn cut(stream: &Stream) {
    let _best_effort = SockRef::from(stream.tcp()).set_linger(Some(Duration::ZERO));
}

/// Passes on what is not HTTP any more, beginning with what was sent `early`.
async fn tunnel(worker: &Worker, client: &Client, mut stream: Stream, early: Vec<u8>, server: ServerSide) {
    match tunnel::run(worker, &client.watch, &mut stream, early, server).await {
        Ended::Closed => {}
        Ended::Idle => {
            worker.stats().timeouts.add(1);
            if stream.takes_leave() {
                take_leave(stream).await;
            }
        }
        Ended::Broken => cut(&stream),
    }
}

/// Writes an answer past hyper and ends the connection.
async fn answer(worker: &Rc<Worker>, who: &Peer, mut stream: Stream, problem: Problem) {
    Record::refused(worker, who, respond::status(problem));
    worker.refused(problem);
    let bytes = respond::raw(problem, &worker.plan().config.errors, who.hsts.as_ref());
    if let Ok(Ok(())) = timeout(LINGER, stream.write_all(&bytes)).await {
        linger(stream, LINGER, LINGER_BYTES).await;
    }
}

/// Says that nothing follows, as far as the client takes it at once.
async fn take_leave(mut stream: Stream) {
    let _best_effort = timeout(LINGER, stream.shutdown()).await;
}

/// Closes our side and reads on for a while (RFC 9112 9.6).
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, longest: Duration, most_bytes: u64) {
    if !matches!(timeout(LINGER, stream.shutdown()).await, Ok(Ok(()))) {
        return;
    }
    let mut rest = stream.take(most_bytes);
    let mut sink = tokio::io::sink();
    let _whatever_comes = timeout(longest, tokio::io::copy(&mut rest, &mut sink)).await;
}
