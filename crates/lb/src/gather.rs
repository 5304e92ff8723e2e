//! Writing a head and a body in one call. `writev` goes through the file layer of
//! the kernel; the calls made for sockets are shorter, and a small answer that is
//! copied into one piece first takes the shortest of them.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;

/// Pieces that are together no longer are copied into one, bytes.
const SMALL_BYTES: usize = 2048;

/// Writes as much of `pieces` as the socket takes.
pub(crate) fn poll_write(stream: &mut TcpStream, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<Result<usize>> {
    if let [piece] = pieces {
        return Pin::new(stream).poll_write(cx, piece);
    }
    let mut block = [0; SMALL_BYTES];
    match join(pieces, &mut block) {
        Some(length) => Pin::new(stream).poll_write(cx, &block[..length]),
        None => poll_send_message(stream, cx, pieces),
    }
}

/// Copies `pieces` into `block`. `None` if they do not fit.
fn join(pieces: &[IoSlice<'_>], block: &mut [u8; SMALL_BYTES]) -> Option<usize> {
    let mut length = 0;
    for piece in pieces {
        let end = length + piece.len();
        block.get_mut(length..end)?.copy_from_slice(piece);
        length = end;
    }
    Some(length)
}

fn poll_send_message(stream: &TcpStream, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        let sent = stream.try_io(Interest::WRITABLE, || SockRef::from(stream).send_vectored(pieces));
        match sent {
            // The readiness was an old one: wait for the next.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            sent => return Poll::Ready(sent),
        }
    }
}
