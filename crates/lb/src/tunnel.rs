//! A tunnel: what is left of a request when the server has switched protocols.
//! Bytes pass both ways and nobody reads them.
//!
//! - A side that has said all closes its half, and the other half goes on.
//! - A side that takes nothing holds the other back: at most one piece a
//!   direction waits here, and an idle tunnel holds no buffer at all.
//! - A side that breaks off is shown to the other as a break, not as an end.
//! - A tunnel in which nothing moves is closed by the sweep. A drain leaves it
//!   alone until its own deadline.

use std::future::poll_fn;
use std::io::{ErrorKind, Result};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::pool::in_flight::InFlight;
use crate::watch::{Alarm, Side, Watch};
use crate::worker::Worker;

/// Largest piece passed on at once, bytes.
const PIECE_BYTES: usize = 16 * 1024;

/// The server's side of a tunnel.
pub(crate) struct ServerSide {
    stream: TcpStream,
    /// What the server has sent behind its answer.
    early: Vec<u8>,
    /// A tunnel is something that the server still has to do.
    _in_flight: Option<InFlight>,
}

impl ServerSide {
    pub(crate) fn new(stream: TcpStream, early: Vec<u8>, in_flight: Option<InFlight>) -> Self {
        Self {
            stream,
            early,
            _in_flight: in_flight,
        }
    }
}

/// How a tunnel ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Both sides have said all.
    Closed,
    /// Nothing has moved for too long.
    Idle,
    /// One side broke off. The other has to see a break, too.
    Broken,
}

/// Passes bytes between `client`, which has sent `early` already, and `server`
/// until there are no more. `watch` is swept and used for nothing else.
pub(crate) async fn run(
    worker: &Worker,
    watch: &Watch,
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    early: Vec<u8>,
    server: ServerSide,
) -> Ended {
    let _open = Open::begin(worker);
    let idle_ms = worker.plan().client.tunnel_idle_ms;
    let ServerSide {
        mut stream,
        early: answered,
        _in_flight,
    } = server;
    let (mut up, mut down) = (Pipe::new(early), Pipe::new(answered));
    watch.reset();
    watch.set_due(Side::Read, worker.clock.now_ms() + idle_ms);
    let ended = poll_fn(|cx| {
        watch.listen(cx);
        let pipes = [
            up.poll(cx, &mut client, &mut stream),
            down.poll(cx, &mut stream, &mut client),
        ];
        if pipes.contains(&Step::Broken) {
            return Poll::Ready(Ended::Broken);
        }
        if up.is_done() && down.is_done() {
            let is_whole = !up.refused && !down.refused;
            return Poll::Ready(if is_whole { Ended::Closed } else { Ended::Broken });
        }
        let now_ms = worker.clock.now_ms();
        if pipes.contains(&Step::Moved) {
            watch.set_due(Side::Read, now_ms + idle_ms);
        }
        match watch.alarm() {
            Some(Alarm::Due) if watch.due(Side::Read) <= now_ms => Poll::Ready(Ended::Idle),
            Some(_) => {
                watch.clear_alarm();
                Poll::Pending
            }
            None => Poll::Pending,
        }
    })
    .await;
    if ended == Ended::Broken {
        let _best_effort = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
    ended
}

/// What one look at a direction has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    Moved,
    /// The side that is read from has broken off.
    Broken,
}

/// One direction.
struct Pipe {
    /// Was read and is still to be written, from `at` on.
    waiting: Vec<u8>,
    at: usize,
    /// The one side has said all.
    ended: bool,
    /// And the other has been told so, or takes no more.
    done: bool,
    /// The other side takes no more.
    refused: bool,
}

impl Pipe {
    fn new(waiting: Vec<u8>) -> Self {
        Self {
            waiting,
            at: 0,
            ended: false,
            done: false,
            refused: false,
        }
    }

    fn is_done(&self) -> bool {
        self.done
    }

    /// Passes on as much as there is and is taken.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Step {
        let mut moved = false;
        while !self.done {
            match self.poll_write(cx, to, &mut moved) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if self.ended => self.done = true,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    // Something may have come from there before it closed: the
                    // other direction reads it, and then meets the end itself.
                    self.done = true;
                    self.refused = true;
                    break;
                }
            }
            if self.done {
                break;
            }
            match self.poll_read(cx, from) {
                Poll::Pending => {
                    // What waits in a writer's buffer has to go out, and one that has
                    // nothing to write learns only here that nothing is taken any more.
                    if let Poll::Ready(Err(_)) = Pin::new(&mut *to).poll_flush(cx) {
                        self.done = true;
                        self.refused = true;
                    }
                    break;
                }
                Poll::Ready(Ok(())) => moved = true,
                Poll::Ready(Err(_)) => return Step::Broken,
            }
        }
        if moved { Step::Moved } else { Step::Nothing }
    }

    /// Ready when nothing waits, and the end, if it has come, has been passed on.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
        moved: &mut bool,
    ) -> Poll<Result<()>> {
        while self.at < self.waiting.len() {
            match ready!(Pin::new(&mut *to).poll_write(cx, &self.waiting[self.at..]))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                taken => self.at += taken,
            }
            *moved = true;
        }
        self.waiting = Vec::new();
        self.at = 0;
        if self.ended {
            ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, from: &mut (impl AsyncRead + Unpin)) -> Poll<Result<()>> {
        let mut space = [MaybeUninit::uninit(); PIECE_BYTES];
        let mut piece = ReadBuf::uninit(&mut space);
        ready!(Pin::new(from).poll_read(cx, &mut piece))?;
        self.ended = piece.filled().is_empty();
        self.waiting = piece.filled().to_vec();
        Poll::Ready(Ok(()))
    }
}

/// Counts an open tunnel.
struct Open<'a>(&'a AtomicU64);

impl<'a> Open<'a> {
    fn begin(worker: &'a Worker) -> Self {
        let stats = worker.stats();
        stats.tunnels.add(1);
        stats.tunnels_open.fetch_add(1, Relaxed);
        Self(&stats.tunnels_open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
