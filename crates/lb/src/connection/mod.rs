//! A client's connection, from its first byte to its last: TLS if the listener
//! says so, hyper speaks HTTP on it, the scanner looks on, and the sweep ends what takes too long.

pub(crate) mod client;
pub(crate) mod handshake;
mod held;
mod io;
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
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use self::client::{Client, Phase};
use self::io::ClientIo;
use self::stream::Stream;
use crate::access_log::Record;
use crate::handle::handle;
use crate::problem::Problem;
use crate::respond;
use crate::tls::Tls;
use crate::watch::Alarm;
use crate::worker::Worker;

/// Largest read from a client at once, bytes.
const MAX_BUFFER_BYTES: usize = 128 * 1024;
/// After a refusal, what the client still sends is read for this long and this
/// far, so that it reads the answer before it meets a reset.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: u64 = 256 * 1024;

/// How a connection ends.
#[derive(Debug)]
pub(crate) enum End {
    /// Both sides are done, or one of them broke off.
    Closed,
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
    let stream = match tls {
        None => Stream::Plain(stream),
        // Apart, so that what a handshake needs takes no room on plain connections.
        Some(tls) => match Box::pin(handshake::handshake(&worker, &client, stream, tls.server.clone())).await {
            Some(stream) => Stream::Tls(stream),
            None => return,
        },
    };
    let builder = builder(client.config().max_head_bytes);
    let io = TokioIo::new(ClientIo::new(stream, client.clone(), worker.clone()));
    let service = {
        let (worker, client) = (worker.clone(), client.clone());
        service_fn(move |request| handle(worker.clone(), client.clone(), request))
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
                Poll::Ready(Ok(())) => return Poll::Ready(End::Closed),
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

    let stream = connection.into_parts().io.into_inner().into_stream();
    match end {
        End::Idle if stream.takes_leave() => take_leave(stream).await,
        End::Idle | End::Gone => {}
        End::Closed if client.has_ended() => {}
        End::Closed => linger(stream).await,
        End::Answer(problem) => {
            Record::refused(&worker, &client, respond::status(problem));
            answer(&worker, stream, problem).await;
        }
        End::Stalled | End::CutOff => {
            worker.stats().timeouts.add(u64::from(matches!(end, End::Stalled)));
            // A plain close would look like a good end of an answer without length.
            let _best_effort = SockRef::from(stream.tcp()).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Writes an answer past hyper and ends the connection.
async fn answer(worker: &Worker, mut stream: Stream, problem: Problem) {
    worker.refused(problem);
    let bytes = respond::raw(problem, &worker.plan().config.errors);
    if let Ok(Ok(())) = timeout(LINGER, stream.write_all(&bytes)).await {
        linger(stream).await;
    }
}

/// Says that nothing follows, as far as the client takes it at once.
async fn take_leave(mut stream: Stream) {
    let _best_effort = timeout(LINGER, stream.shutdown()).await;
}

/// Closes our side and reads on for a while (RFC 9112 9.6).
async fn linger(mut stream: Stream) {
    if !matches!(timeout(LINGER, stream.shutdown()).await, Ok(Ok(()))) {
        return;
    }
    let mut rest = stream.take(LINGER_BYTES);
    let mut sink = tokio::io::sink();
    let _whatever_comes = timeout(LINGER, tokio::io::copy(&mut rest, &mut sink)).await;
}
