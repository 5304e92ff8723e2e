//! HTTP/2 from a client (RFC 9113): many requests at once on one connection,
//! each answered like a request of HTTP/1 and by the same code. hyper and h2
//! speak the protocol; what is kept here is what they leave to a server in the
//! open: deadlines, a bounded memory, and an end to whoever floods.

mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod invariant;
mod io;
mod ledger;
mod session;
pub(crate) mod stream;
mod tunnel;

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::debug;

pub(crate) use self::frames::PREFACE;
use self::frames::{ENHANCE_YOUR_CALM, NO_ERROR};
use self::io::FrameIo;
use self::ledger::Breach;
use self::session::{Late, Session};
use self::stream::Tasks;
use super::peer::Peer;
use super::requester::Requester;
use super::{LINGER, LINGER_BYTES, linger};
use crate::config::Config;
use crate::handle::handle;
use crate::watch::Alarm;
use crate::worker::Worker;

/// Largest frame that is taken, bytes: the least that one may ask for.
const MAX_FRAME_BYTES: u32 = 16 * 1024;
/// The client's HPACK table here, bytes: what it has without asking.
const HPACK_TABLE_BYTES: u32 = 4096;
/// Of one answer, what is held ready beyond the client's window, bytes.
const MAX_SEND_BYTES: usize = 64 * 1024;

/// How a connection ends.
enum End {
    /// Both sides are done, or one of them broke off.
    Closed,
    /// The sweep has had enough.
    Late(Late),
    /// The client floods.
    Flood(Breach),
}

fn builder(config: &Config, session: &Rc<Session>) -> Builder<Tasks> {
    let http2 = &config.http2;
    let mut builder = Builder::new(Tasks(session.clone()));
    builder
        .max_concurrent_streams(http2.max_streams)
        .initial_stream_window_size(http2.stream_window_bytes)
        .initial_connection_window_size(http2.connection_window_bytes)
        .max_frame_size(MAX_FRAME_BYTES)
        .header_table_size(HPACK_TABLE_BYTES)
        // RFC 8441 3: WebSocket may be asked for.
        .enable_connect_protocol()
        .max_header_list_size(config.client.max_head_bytes as u32)
        .max_send_buf_size(MAX_SEND_BYTES)
        // The ledger counts, and tells an answered stream from one that is not.
        // These are the nets below it.
        .max_pending_accept_reset_streams(http2.floods.resets as usize)
        .max_local_error_reset_streams(http2.floods.emitted_resets as usize);
    builder
}

/// Serves a connection until it ends. `early` is what was read of it before it
/// was known to be HTTP/2: the preface, or its beginning, or nothing.
pub(crate) async fn serve<S>(worker: Rc<Worker>, stream: S, peer: SocketAddr, who: Rc<Peer>, early: Vec<u8>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    worker.stats().http2.add(1);
    let session = Session::new(&worker, who);
    let stream = Rc::new(RefCell::new(stream));
    let io = TokioIo::new(FrameIo::new(stream.clone(), session.clone(), early));
    let service = {
        let (worker, session) = (worker.clone(), session.clone());
        service_fn(move |request| handle(worker.clone(), Requester::Stream(session.begin()), request))
    };
    let mut connection = builder(&worker.plan().config, &session).serve_connection(io, service);

    let end = poll_fn(|cx| {
        session.watch.listen(cx);
        let mut drains = session.watch.alarm() == Some(Alarm::Drain);
        if drains {
            session.watch.clear_alarm();
        }
        loop {
            match Pin::new(&mut connection).poll(cx) {
                Poll::Ready(result) => {
                    if let Err(error) = result {
                        debug!(%peer, %error, "client connection ended");
                    }
                    return Poll::Ready(End::Closed);
                }
                Poll::Pending => {}
            }
            if !std::mem::take(&mut drains) || session.is_about_to_ask() || !session.tells_to_leave() {
                break;
            }
            // GOAWAY; the streams that are open finish.
            Pin::new(&mut connection).graceful_shutdown();
        }
        match session.breach() {
            Some(breach) if session.ledger().to_boundary() == 0 => return Poll::Ready(End::Flood(breach)),
            _ => {}
        }
        session
            .rung()
            .map_or(Poll::Pending, |late| Poll::Ready(End::Late(late)))
    })
    .await;

    drop(connection);
    let Some(mut stream) = Rc::into_inner(stream).map(RefCell::into_inner) else {
        return;
    };
    // However it ends: the last frame may not have gone out in time, or it was
    // the library that had enough.
    if let Some(breach) = session.breach() {
        worker.flooded(peer, &breach);
    }
    match end {
        End::Closed if session.has_ended() => {}
        End::Closed => linger(stream, LINGER, LINGER_BYTES).await,
        End::Flood(breach) => {
            // What the library says, it has said.
            if breach == Breach::Library || go_away(&mut stream, &session, ENHANCE_YOUR_CALM).await {
                linger(stream, LINGER, LINGER_BYTES).await;
            }
        }
        End::Late(Late::Idle) => {
            // What a client says on the way, of its windows or to check that anybody is
            // there, would be answered with a reset, and an answer that it has not read
            // yet be lost.
            if go_away(&mut stream, &session, NO_ERROR).await {
                linger(stream, LINGER, LINGER_BYTES).await;
            }
        }
        // At once: whatever is waited for here, another waits for as well.
        End::Late(Late::Evicted) => {
            worker.stats().evicted.add(1);
            let _best_effort = go_away(&mut stream, &session, NO_ERROR).await;
        }
        End::Late(Late::Head) => {
            worker.stats().timeouts.add(1);
            if go_away(&mut stream, &session, ENHANCE_YOUR_CALM).await {
                linger(stream, LINGER, LINGER_BYTES).await;
            }
        }
        // Each of its answers has an end that it will not see.
        End::Late(Late::Stalled) => worker.stats().timeouts.add(1),
    }
}

/// Says past hyper why the connection ends. Answers whether that went well.
async fn go_away<S>(stream: &mut S, session: &Session, code: u32) -> bool
where
    S: AsyncWrite + Unpin,
{
    let frame = {
        let ledger = session.ledger();
        if ledger.to_boundary() > 0 {
            return false;
        }
        frames::go_away(ledger.last_stream(), code)
    };
    let written = timeout(LINGER, async {
        stream.write_all(&frame).await?;
        stream.flush().await
    });
    matches!(written.await, Ok(Ok(())))
}
