//! HTTP/1 on a connection, from a request's first byte for as long as there is
//! something to do: hyper speaks it, the scanner looks on.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tracing::debug;

use super::End;
use super::client::{Client, Phase};
use super::io::ClientIo;
use super::requester::Requester;
use crate::handle::handle;
use crate::watch::Alarm;
use crate::worker::Worker;

/// Largest read from a client at once, bytes.
const MAX_BUFFER_BYTES: usize = 128 * 1024;

/// hyper's settings.
pub(crate) fn builder(max_head_bytes: usize) -> Builder {
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

/// Serves requests until the connection ends or has been idle for a while. What
/// hyper holds is given back with it.
pub(super) async fn speak(
    worker: &Rc<Worker>,
    client: &Rc<Client>,
    io: Box<ClientIo>,
    peer: SocketAddr,
) -> (End, Box<ClientIo>) {
    client.watch.offer_rest();
    let builder = builder(client.config().max_head_bytes);
    let service = {
        let (worker, client) = (worker.clone(), client.clone());
        service_fn(move |request| handle(worker.clone(), Requester::Connection(client.clone()), request))
    };
    let mut connection = builder.serve_connection(TokioIo::new(io), service);

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
        if client.watch.alarm() == Some(Alarm::Rest) {
            client.watch.clear_alarm();
            if client.can_rest() {
                return Poll::Ready(End::Resting);
            }
            client.watch.offer_rest();
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
    client.watch.refuse_rest();
    // Empty at rest, but for empty lines between requests, which mean nothing
    // (RFC 9112 2.2).
    (end, connection.into_parts().io.into_inner())
}
