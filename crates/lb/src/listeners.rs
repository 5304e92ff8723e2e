//! Where one worker's connections come from.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;

use tokio::net::{TcpListener, TcpStream};

/// A listener that is not yet a worker's, and whether TLS is spoken on it.
pub(crate) type Bound = (std::net::TcpListener, bool);

/// A worker's listeners. One an address, or more if a predecessor had more workers.
pub(crate) struct Listeners {
    all: Vec<(TcpListener, bool)>,
    /// Where to look first: a crowd at one must not hide the others.
    turn: Cell<usize>,
}

impl Listeners {
    /// Registers them with this thread's runtime.
    pub(crate) fn register(bound: Vec<Bound>) -> io::Result<Self> {
        let register = |(listener, secure)| Ok((TcpListener::from_std(listener)?, secure));
        Ok(Self {
            all: bound.into_iter().map(register).collect::<io::Result<_>>()?,
            turn: Cell::new(0),
        })
    }

    /// The next connection, and whether TLS is spoken on it.
    pub(crate) async fn accept(&self) -> (io::Result<(TcpStream, SocketAddr)>, bool) {
        poll_fn(|cx| {
            let turn = self.turn.get();
            let (before, after) = self.all.split_at(turn);
            for (listener, secure) in after.iter().chain(before) {
                if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                    self.turn.set((turn + 1) % self.all.len());
                    return Poll::Ready((accepted, *secure));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Closes them, after `admit` got every connection that still waits. Asked without
    /// the reactor, which may not have heard of it yet.
    pub(crate) fn close(self, mut admit: impl FnMut((TcpStream, SocketAddr), bool)) {
        for (listener, secure) in self.all {
            let Ok(listener) = listener.into_std() else { continue };
            while let Ok((stream, peer)) = listener.accept() {
                let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                if let Ok(stream) = stream {
                    admit((stream, peer), secure);
                }
            }
        }
    }
}
