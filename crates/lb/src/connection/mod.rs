//! A client's connection, from its first byte to its last: TLS if the listener
//! says so, hyper speaks HTTP on it, the scanner looks on, and the sweep ends what
//! takes too long.

pub(crate) mod client;
pub(crate) mod handshake;
mod held;
pub(crate) mod http2;
mod io;
mod pace;
pub(crate) mod peer;
pub(crate) mod proxy_protocol;
pub(crate) mod requester;
mod stream;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use self::client::{Client, Phase};
use self::io::ClientIo;
use self::peer::Peer;
use self::requester::Requester;
use self::stream::Stream;
use crate::access_log::Record;
use crate::handle::handle;
use crate::problem::Problem;
use crate::respond;
use crate::tls::Tls;
use crate::tunnel::{self, Ended, ServerSide};
use crate::watch::Alarm;
use crate::worker::Worker;

/// Largest read from a client at once, bytes.
const MAX_BUFFER_BYTES: usize = 128 * 1024;
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

/// hyper's settings.
fn builder(max_head_bytes: usize) -> Builder {
    let mut builder = Builder::new();
    builder
        // A client that has sent all it wants may close its side and still gets
        // its answer.
        .half_close(true)
        .header_read_timeout(None)
        // The scanner refuses at the configured size; this is the net below it.
        .max_header_size(max_head_bytes + 1024)
        .max_buf_size(MAX_BUFFER_BYTES.max(2 * max_head_bytes));
    builder
}

/// Serves a connection until it ends; with `secure` TLS is spoken on it.
pub(crate) async fn serve(worker: Rc<Worker>, stream: TcpStream, peer: SocketAddr, secure: bool) {
    // Without it a split write waits for a delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "client left at once");
        return;
    }
    let tls = worker.shared.tls.as_ref().filter(|_| secure).map(Tls::now);
    let client = Rc::new(Client::new(&worker, peer, tls.as_deref()));
    let http2 = worker.plan().config.http2.enabled;
    let stream = match tls {
        None => Stream::Plain(stream),
        // Apart, so that what a handshake needs takes no room on plain connections.
        Some(tls) => match Box::pin(handshake::handshake(
            &worker,
            &client,
            stream,
            tls.server(http2).clone(),
        ))
        .await
        {
            Some(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                let who = client.peer.clone();
                drop(client);
                return Box::pin(http2::serve(worker, Stream::Tls(stream), peer, who, Vec::new())).await;
            }
            Some(stream) => Stream::Tls(stream),
            None => return,
        },
    };
    let builder = builder(client.config().max_head_bytes);
    let io = TokioIo::new(ClientIo::new(stream, client.clone(), worker.clone(), http2 && !secure));
    let service = {
        let (worker, client) = (worker.clone(), client.clone());
        service_fn(move |request| handle(worker.clone(), Requester::Connection(client.clone()), request))
    };
    let mut connection = builder.serve_connection(io, service);

    let end = poll_fn(|cx| {
        client.watch.listen(cx);
        let mut drains = client.watch.alarm() == Some(Alarm::Drain);
        if drains {
            client.watch.clear_alarm();
        }
        loop {
            match Pin::new(&mut connection).poll(cx) {
                Poll::Ready(_) if client.was_cut_off() => return Poll::Ready(End::CutOff),
                Poll::Ready(Ok(())) => {
                    return Poll::Ready(client.take_switched().map_or(End::Closed, End::Switched));
                }
                Poll::Ready(Err(error)) => {
                    debug!(%peer, %error, "client connection ended");
                    return Poll::Ready(End::Closed);
                }
                Poll::Pending => {}
            }
            // Only after a look at the socket: a request may have come just now.
            // A drain rings again, so whoever is spared is looked at once more.
            if !std::mem::take(&mut drains) || client.is_about_to_ask() {
                break;
            }
            Pin::new(&mut connection).graceful_shutdown();
        }
        if client.was_reset() {
            debug!(%peer, "client broke off");
            return Poll::Ready(End::Gone);
        }
        if client.is_http2() {
            return Poll::Ready(End::Http2);
        }
        // Only now: what came in a moment ago may have been in time.
        if let Some(end) = client.rung() {
            return Poll::Ready(end);
        }
        match client.refused() {
            // A body that went wrong is answered by way of its reader; a head,
            // once the requests before it are answered, from here.
            Some(refused) if !refused.in_body && client.phase() != Phase::Busy && !client.is_writing() => {
                Poll::Ready(End::Answer(refused.problem))
            }
            _ => Poll::Pending,
        }
    })
    .await;

    let who = client.peer.clone();
    let (stream, early) = connection.into_parts().io.into_inner().into_parts();
    match end {
        End::Idle if stream.takes_leave() => take_leave(stream).await,
        // Without room for what the client has sent already, there is no tunnel.
        End::Switched(_) if client.refused().is_some() => cut(&stream),
        End::Switched(server) => Box::pin(tunnel(&worker, &client, stream, early, *server)).await,
        End::Idle | End::Gone => {}
        End::Closed if client.has_ended() => {}
        End::Closed if worker.shared.is_draining() => linger(stream, LINGER, LINGER_BYTES).await,
        End::Closed => linger(stream, LONG_LINGER, LONG_LINGER_BYTES).await,
        End::Answer(problem) => answer(&worker, &who, stream, problem).await,
        // On the heap: most connections never need the room.
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
    let bytes = respond::raw(problem, &worker.plan().config.errors);
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
