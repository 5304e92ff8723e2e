//! The socket to a server. Counts what was written, which is how it is known
//! whether a server can have seen a request.

use std::cell::Cell;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::metrics::{Counter, Traffic};
use crate::pool::server::Server;
use crate::pool::view::Link;

/// A socket that counts.
pub(crate) struct ServerIo {
    stream: TcpStream,
    written_bytes: Rc<Cell<u64>>,
    meter: Meter,
}

impl ServerIo {
    pub(crate) fn new(stream: TcpStream, written_bytes: Rc<Cell<u64>>, meter: Meter) -> Self {
        Self {
            stream,
            written_bytes,
            meter,
        }
    }

    fn count(&self, bytes: usize) -> usize {
        self.written_bytes.set(self.written_bytes.get() + bytes as u64);
        self.meter.count(|traffic| &traffic.sent_bytes, bytes);
        bytes
    }
}

/// Counts a connection and its bytes, for its server and for the pool. Knows the
/// server and not the link, which keeps the connection.
pub(crate) struct Meter {
    worker: usize,
    server: Arc<Server>,
    totals: Arc<[Traffic]>,
}

impl Meter {
    /// For a connection that has just been made.
    pub(crate) fn new(worker: usize, link: &Link) -> Self {
        let meter = Self {
            worker,
            server: link.server.clone(),
            totals: link.totals.clone(),
        };
        meter.server.traffic[worker].open.up();
        meter.totals[worker].open.up();
        meter
    }

    fn count(&self, counter: impl Fn(&Traffic) -> &Counter, bytes: usize) {
        counter(&self.server.traffic[self.worker]).add(bytes as u64);
        counter(&self.totals[self.worker]).add(bytes as u64);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.server.traffic[self.worker].open.down();
        self.totals[self.worker].open.down();
    }
}

impl AsyncRead for ServerIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let bytes = buf.filled().len() - before;
        self.meter.count(|traffic| &traffic.received_bytes, bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ServerIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        Poll::Ready(Ok(self.count(written)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        Poll::Ready(Ok(self.count(written)))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
