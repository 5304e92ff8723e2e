//! An HTTP/2 client's socket as hyper sees it: what passes, either way, is
//! entered in the ledger, and nothing more passes once that has seen enough.

use std::cell::RefCell;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::session::Session;

/// A socket that is looked at. It is shared with the connection's task, which
/// has the last word on it after hyper is gone.
pub(super) struct FrameIo<S> {
    stream: Rc<RefCell<S>>,
    session: Rc<Session>,
    /// Read before it was known that this is HTTP/2.
    early: Vec<u8>,
}

impl<S> FrameIo<S> {
    pub(super) fn new(stream: Rc<RefCell<S>>, session: Rc<Session>, early: Vec<u8>) -> Self {
        Self { stream, session, early }
    }

    /// As much of `buf` as may go out: after a breach, the rest of the frame
    /// that has begun.
    fn allowed(&self, bytes: usize) -> usize {
        match self.session.breach() {
            None => bytes,
            Some(_) => bytes.min(self.session.ledger().to_boundary()),
        }
    }

    fn written(&self, result: &Poll<Result<usize>>) {
        match result {
            Poll::Pending => self.session.write_blocked(),
            Poll::Ready(_) => self.session.write_moved(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FrameIo<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        // The connection's task looks for a breach after each poll and needs no
        // waking.
        if this.session.breach().is_some() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        if this.early.is_empty() {
            ready!(Pin::new(&mut *this.stream.borrow_mut()).poll_read(cx, buf))?;
        } else {
            let taken = this.early.len().min(buf.remaining());
            buf.put_slice(&this.early[..taken]);
            this.early.drain(..taken);
        }
        let received = &buf.filled()[before..];
        if received.is_empty() {
            this.session.set_ended();
            return Poll::Ready(Ok(()));
        }
        this.session.received(received);
        if this.session.breach().is_some() {
            buf.set_filled(before);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameIo<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let allowed = self.allowed(buf.len());
        if allowed == 0 && !buf.is_empty() {
            return Poll::Pending;
        }
        let result = Pin::new(&mut *self.stream.borrow_mut()).poll_write(cx, &buf[..allowed]);
        if let Poll::Ready(Ok(written)) = result {
            self.session.sent(&buf[..written]);
        }
        self.written(&result);
        result
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        if self.session.breach().is_some() {
            let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
            return self.poll_write(cx, first);
        }
        let result = Pin::new(&mut *self.stream.borrow_mut()).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(mut written)) = result {
            for buf in bufs {
                let part = written.min(buf.len());
                self.session.sent(&buf[..part]);
                written -= part;
            }
        }
        self.written(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = Pin::new(&mut *self.stream.borrow_mut()).poll_flush(cx);
        // TLS has bytes of its own that the socket may not take. A plain socket has
        // none and is never late here.
        match flushed {
            Poll::Pending => self.session.write_blocked(),
            Poll::Ready(_) if self.session.is_writing() => self.session.write_moved(),
            Poll::Ready(_) => {}
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.session.breach().is_some() {
            // The last word is still to follow.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.stream.borrow_mut()).poll_shutdown(cx)
    }
}
