//! The client's socket as hyper sees it: everything that comes in passes the
//! scanner first, and both directions keep the deadlines up to date.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::client::Client;
use crate::request::framing::{Limits, Scanner};

/// A socket that is looked at.
pub(super) struct ClientIo {
    stream: TcpStream,
    client: Rc<Client>,
    scanner: Scanner,
}

impl ClientIo {
    pub(super) fn new(stream: TcpStream, client: Rc<Client>, limits: Limits) -> Self {
        Self {
            stream,
            client,
            scanner: Scanner::new(limits),
        }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn written(&self, result: Poll<Result<usize>>) -> Poll<Result<usize>> {
        match result {
            Poll::Pending => self.client.write_blocked(),
            Poll::Ready(_) => self.client.write_moved(),
        }
        result
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        if this.client.refused().is_some() {
            // Nothing that follows means anything. The connection's task looks
            // at the refusal after each poll and needs no waking.
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let received = &buf.filled()[before..];
        if received.is_empty() {
            this.client.set_ended();
            return Poll::Ready(Ok(()));
        }
        this.client.received();
        if let Err(refused) = this.scanner.scan(received) {
            this.client.refuse(refused);
            if refused.keep == 0 {
                buf.set_filled(before);
                return Poll::Pending;
            }
            buf.set_filled(before + refused.keep);
        }
        Poll::Ready(Ok(()))
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
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.client.refused().is_some_and(|refused| !refused.in_body) || self.client.was_cut_off() {
            // An answer, or a reset, is still to follow.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
