//! The client's socket as hyper sees it: everything that comes in passes the
//! scanner first, heads are held back until they are whole, and both directions
//! keep the deadlines up to date.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::client::{Client, Phase};
use super::held::Held;
use super::http2::PREFACE;
use super::stream::Stream;
use crate::problem::Problem;
use crate::request::framing::{Limits, Refused, Scanner};
use crate::worker::Worker;

/// A socket that is looked at.
pub(super) struct ClientIo {
    stream: Stream,
    client: Rc<Client>,
    scanner: Scanner,
    held: Held,
    /// hyper has seen nothing yet.
    fresh: bool,
    /// The preface of HTTP/2 is understood; over TLS, ALPN decides (RFC 9113 3.2).
    speaks_http2: bool,
}

impl ClientIo {
    pub(super) fn new(stream: Stream, client: Rc<Client>, worker: Rc<Worker>, speaks_http2: bool) -> Self {
        let config = client.config();
        let limits = Limits {
            head_bytes: config.max_head_bytes,
            target_bytes: config.max_target_bytes,
        };
        let held = Held::new(worker.max_unfinished_bytes(config), worker);
        Self {
            stream,
            scanner: Scanner::new(limits),
            held,
            client,
            fresh: true,
            speaks_http2,
        }
    }

    /// The socket, and what came of an HTTP/2 connection or behind a request to
    /// upgrade.
    pub(super) fn into_parts(mut self) -> (Stream, Vec<u8>) {
        (self.stream, self.held.take())
    }

    /// The socket below.
    pub(super) fn tcp(&self) -> &TcpStream {
        self.stream.tcp()
    }

    /// hyper does not read while a request is being answered and flushes at each
    /// turn, so this is where a reset is seen. Closing its side, or sending the
    /// next request early, is a client's right and wakes nobody more than once.
    fn look_for_reset(&self, cx: &mut Context<'_>) {
        if self.client.phase() == Phase::Busy
            && self.stream.tcp().poll_read_ready(cx).is_ready()
            && matches!(self.stream.tcp().take_error(), Ok(Some(_)))
        {
            self.client.set_reset();
        }
    }

    fn written(&self, result: Poll<Result<usize>>) -> Poll<Result<usize>> {
        match &result {
            Poll::Pending => self.client.write_blocked(),
            Poll::Ready(taken) => self.client.write_moved(*taken.as_ref().unwrap_or(&0)),
        }
        result
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        loop {
            if this.held.has_free() {
                this.held.pass_on(buf);
                this.fresh = false;
                this.client.set_whole(this.scanner.is_between() && this.held.is_empty());
                this.held.count(this.scanner.carried_bytes());
                return Poll::Ready(Ok(()));
            }
            if this.client.refused().is_some() || this.client.is_http2() {
                // Nothing that follows means anything. The connection's task
                // looks at the refusal after each poll and needs no waking.
                return Poll::Pending;
            }
            if this.scanner.undecided().is_some() {
                if this.client.is_undecided() {
                    // The answer decides, and hyper looks again after it.
                    return Poll::Pending;
                }
                this.go_on();
                continue;
            }
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
            if buf.filled().len() == before {
                this.client.set_ended();
                return Poll::Ready(Ok(()));
            }
            this.client.received();
            if this.sift(buf, before) {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl ClientIo {
    /// Leaves in `buf` of what came behind `before` only what hyper may see now.
    /// Answers whether that is anything.
    fn sift(&mut self, buf: &mut ReadBuf<'_>, before: usize) -> bool {
        let received = &buf.filled()[before..];
        let verdict = self.scanner.scan(received);
        let free = verdict.unwrap_or_else(|refused| refused.keep);
        let passed = if self.held.is_empty() {
            self.held.push(&received[free..], 0);
            free
        } else {
            self.held.push(received, free);
            0
        };
        buf.set_filled(before + passed);
        self.judge(verdict.err());
        self.fresh &= passed == 0;
        passed > 0
    }

    /// There was no upgrade: what was sent behind the request for one is the
    /// beginning of a next request.
    fn go_on(&mut self) {
        self.scanner.go_on();
        let bytes = self.held.take();
        if !bytes.is_empty() {
            self.client.received();
            let verdict = self.scanner.scan(&bytes);
            self.held.push(&bytes, verdict.unwrap_or_else(|refused| refused.keep));
            self.judge(verdict.err());
        }
    }

    /// Makes it known if the client asks for an upgrade, or is to be refused: for
    /// what it said, or for lack of room.
    fn judge(&mut self, refused: Option<Refused>) {
        if let Some(number) = self.scanner.undecided() {
            self.client.set_undecided(number);
        }
        self.client.set_whole(self.scanner.is_between() && self.held.is_empty());
        let fits = self.held.count(self.scanner.carried_bytes());
        let refused = refused.or_else(|| {
            (!fits).then_some(Refused {
                problem: Problem::TooManyHeads,
                keep: 0,
                in_body: false,
            })
        });
        if let Some(refused) = refused {
            if refused.problem == Problem::VersionUnknown && self.is_http2() {
                return;
            }
            self.held.truncate();
            self.held.count(0);
            self.client.refuse(refused);
        }
    }

    /// Whether what was refused is not HTTP/1 at all, but the preface of HTTP/2
    /// or as much of it as there is. It is told by its first line, which no
    /// request of HTTP/1 can begin with, so no such request waits for it.
    fn is_http2(&self) -> bool {
        let begins = |bytes: &[u8]| bytes.iter().zip(PREFACE).all(|(byte, expected)| byte == expected);
        if !self.fresh || !self.speaks_http2 || !begins(self.held.bytes()) {
            return false;
        }
        self.client.set_http2();
        true
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.look_for_reset(cx);
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // TLS has bytes of its own that the socket may not take. A plain socket has
        // none and is never late here.
        match flushed {
            Poll::Pending => self.client.write_blocked(),
            Poll::Ready(_) if self.client.is_writing() => self.client.write_moved(0),
            Poll::Ready(_) => {}
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.client.refused().is_some_and(|refused| !refused.in_body) || self.client.was_cut_off() {
            // An answer, or a reset, is still to follow.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
