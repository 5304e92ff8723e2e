//! The socket to a server. Counts what was written, which is how it is known
//! whether a server can have seen a request, and what was read.
//!
//! A server may answer before it has read all of a request, and close. Whoever
//! writes on meets a broken connection, while the answer is here to be read: so a
//! write that fails waits, and the reader finds the answer first and the break
//! behind it.

use std::cell::Cell;
use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::gather;
use crate::metrics::{Counter, Traffic};
use crate::pool::server::Server;
use crate::pool::view::Link;

/// A socket that counts.
pub(crate) struct ServerIo {
    stream: TcpStream,
    counts: Rc<Counts>,
    meter: Meter,
    /// A write has failed.
    broken: bool,
}

/// What has passed through a socket.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) written_bytes: Cell<u64>,
    pub(super) read_bytes: Cell<u64>,
}

impl ServerIo {
    pub(crate) fn new(stream: TcpStream, counts: Rc<Counts>, meter: Meter) -> Self {
        Self {
            stream,
            counts,
            meter,
            broken: false,
        }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn written(&mut self, result: Poll<Result<usize>>) -> Poll<Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                let before = self.counts.written_bytes.get();
                self.counts.written_bytes.set(before + bytes as u64);
                self.meter.count(|traffic| &traffic.sent_bytes, bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(_)) => {
                // The reader is woken by the same break.
                self.broken = true;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
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
        let read = buf.filled().len() - before;
        if read == 0 && self.broken {
            // A socket tells its error once, and the writer has heard it. Without it
            // this would be a good end.
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        self.counts.read_bytes.set(self.counts.read_bytes.get() + read as u64);
        self.meter.count(|traffic| &traffic.received_bytes, read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ServerIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let result = gather::poll_write(&mut self.stream, cx, bufs);
        self.written(result)
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
