//! From a socket to a TLS stream: the handshake, its deadline, and the bound on
//! how many are under way.
//!
//! A handshake costs more memory than an idle connection and waits for the client,
//! who may never go on. At the bound the oldest one is ended: a client that means
//! it needs a few round trips, and those who don't are the ones that stay.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use rustls::{HandshakeKind, ProtocolVersion, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::answer;
use super::client::Client;
use super::stream::Stream;
use crate::problem::Problem;
use crate::watch::{Alarm, Watch};
use crate::worker::Worker;

/// First byte of a record with a handshake message (RFC 8446 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// Makes TLS of a socket. `None`: the connection has ended, with all said.
pub(super) async fn handshake(
    worker: &Rc<Worker>,
    client: &Client,
    stream: TcpStream,
    server: Arc<ServerConfig>,
) -> Option<Box<TlsStream<TcpStream>>> {
    // Until it says something a client gets nothing of rustls's.
    let mut first = [0];
    let peeked = while_awaited(client, stream.peek(&mut first)).await;
    match peeked {
        Some(Ok(1)) if first[0].is_ascii_uppercase() => {
            answer(worker, &client.peer, Stream::Plain(stream), Problem::PlainHttp).await;
            return None;
        }
        Some(Ok(1)) => {}
        // Whoever looks only whether the port is open has not failed at anything.
        _ => return None,
    }
    client.handshake_begins();
    let most = worker
        .plan()
        .config
        .tls
        .max_handshakes
        .div_ceil(worker.shared.workers.len());
    let _place = worker.handshakes.enter(client.watch.handle(), most);
    match while_awaited(client, TlsAcceptor::from(server).accept(stream)).await {
        Some(Ok(stream)) => {
            client.handshake_ends();
            let session = stream.get_ref().1;
            client.peer.tls_version.set(match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
                Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
                _ => None,
            });
            match session.handshake_kind() {
                Some(HandshakeKind::Resumed) => worker.stats().resumptions.add(1),
                _ => worker.stats().handshakes.add(1),
            }
            Some(Box::new(stream))
        }
        Some(Err(error)) => {
            // rustls has sent its alert.
            debug!(first = first[0], is_tls = first[0] == HANDSHAKE_RECORD, %error, "TLS handshake failed");
            worker.stats().failed_handshakes.add(1);
            None
        }
        None => {
            debug!("TLS handshake given up");
            worker.stats().failed_handshakes.add(1);
            None
        }
    }
}

/// Waits for a step of the handshake. `None`: it is not waited for any longer.
async fn while_awaited<T>(client: &Client, step: impl Future<Output = T>) -> Option<T> {
    let mut step = pin!(step);
    poll_fn(|cx| {
        client.watch.listen(cx);
        if let Poll::Ready(done) = step.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        let goes_on = match client.watch.alarm() {
            None => true,
            Some(Alarm::Evict) => false,
            Some(Alarm::Due) => !client.is_late(),
            Some(Alarm::Drain) => client.is_about_to_ask() && !client.is_late(),
            Some(Alarm::ServerLost | Alarm::Rest) => true,
        };
        if goes_on {
            client.watch.clear_alarm();
            return Poll::Pending;
        }
        Poll::Ready(None)
    })
    .await
}

/// Handshakes under way on one worker, in the order in which they began.
#[derive(Default)]
pub(crate) struct Handshakes {
    next: Cell<u64>,
    under_way: RefCell<BTreeMap<u64, Rc<Watch>>>,
}

/// A place among them, given back when dropped.
struct Place<'a> {
    handshakes: &'a Handshakes,
    number: u64,
}

impl Handshakes {
    /// One more, of `most` at once.
    fn enter(&self, watch: Rc<Watch>, most: usize) -> Place<'_> {
        let mut under_way = self.under_way.borrow_mut();
        if under_way.len() >= most
            && let Some((_, oldest)) = under_way.pop_first()
        {
            oldest.ring(Alarm::Evict);
        }
        let number = self.next.replace(self.next.get() + 1);
        under_way.insert(number, watch);
        Place {
            handshakes: self,
            number,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.handshakes.under_way.borrow_mut().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Roster;

    #[test]
    fn at_the_bound_the_oldest_is_ended() {
        let (handshakes, roster) = (Handshakes::default(), Rc::new(Roster::default()));
        let watches: Vec<_> = (0..4).map(|_| roster.enter(None)).collect();
        let enter = |index: usize| handshakes.enter(watches[index].handle(), 2);
        let first = enter(0);
        let _second = enter(1);
        // One that is done makes room.
        drop(first);
        let _third = enter(2);
        assert!(watches.iter().all(|watch| watch.alarm().is_none()));
        let _fourth = enter(3);
        let alarms: Vec<_> = watches.iter().map(|watch| watch.alarm()).collect();
        assert_eq!(alarms, [None, Some(Alarm::Evict), None, None]);
    }
}
