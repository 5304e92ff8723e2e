//! A connection at rest: between requests nothing is kept of it but the socket and
//! what is known of the client. hyper's buffers alone are sixteen kilobytes, and
//! ten thousand clients may be idle for each that asks.

use std::future::poll_fn;
use std::task::Poll;

use super::End;
use super::client::Client;
use super::io::ClientIo;
use crate::watch::Alarm;

/// Waits until the client sends something, or for the end of the connection.
pub(super) async fn rest(client: &Client, io: &ClientIo) -> Option<End> {
    poll_fn(|cx| {
        client.watch.listen(cx);
        // Whatever it is, end or error, it is for the reader to find.
        if io.tcp().poll_read_ready(cx).is_ready() {
            return Poll::Ready(None);
        }
        if client.watch.alarm() == Some(Alarm::Drain) {
            return Poll::Ready(Some(End::Idle));
        }
        match client.rung() {
            Some(end) => Poll::Ready(Some(end)),
            None => Poll::Pending,
        }
    })
    .await
}
