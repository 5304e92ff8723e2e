//! A stream that has become a tunnel (RFC 8441): what is left of its request when
//! a server has switched protocols. The other streams go on beside it.
//!
//! A connection that breaks off is shown as a reset. On a stream that is CANCEL
//! (RFC 8441 5), which h2 sends by itself for a stream that is dropped before its
//! end, and which a client sends in the same way.

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;
use crate::tunnel::{self, Ended, ServerSide};

/// Both ends of a tunnel that is about to begin.
pub(super) struct Switched {
    stream: Rc<Stream>,
    upgrade: OnUpgrade,
    server: Box<ServerSide>,
}

impl Switched {
    pub(super) fn new(stream: Rc<Stream>, upgrade: OnUpgrade, server: Box<ServerSide>) -> Self {
        Self {
            stream,
            upgrade,
            server,
        }
    }

    /// Passes bytes on until there are no more. `sending` is hyper's own task for the
    /// way to the client.
    pub(super) async fn run(self: Box<Self>, sending: impl Future<Output = ()>) {
        let Self {
            stream,
            upgrade,
            server,
        } = *self;
        // It was there before this was started.
        let Ok(upgraded) = upgrade.await else { return };
        let mut client = ClientSide {
            upgraded: TokioIo::new(upgraded),
            sending: Some(Box::pin(sending)),
            closing: false,
        };
        let worker = &stream.session.worker;
        let ended = tunnel::run(worker, &stream.watch, &mut client, Vec::new(), *server).await;
        if ended == Ended::Idle {
            worker.stats().timeouts.add(1);
            // The end is said if it can be said at once.
            poll_fn(|cx| {
                let _best_effort = Pin::new(&mut client).poll_shutdown(cx);
                Poll::Ready(())
            })
            .await;
        }
    }
}

/// The client's side. hyper hands what is written to a task that minds the
/// client's window; here it is part of the writer, so that the stream is dropped
/// with it and a reset is told from an end, for which hyper's reader takes it.
struct ClientSide<F> {
    upgraded: TokioIo<Upgraded>,
    /// Until the end is out, or the client has reset the stream.
    sending: Option<Pin<Box<F>>>,
    /// Nothing more is written.
    closing: bool,
}

impl<F: Future<Output = ()>> ClientSide<F> {
    /// Sends what there is, as far as the client's window goes.
    fn drive(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if let Some(sending) = &mut self.sending
            && sending.as_mut().poll(cx).is_ready()
        {
            self.sending = None;
        }
        if self.sending.is_none() && !self.closing {
            return Err(ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl<F: Future<Output = ()>> AsyncRead for ClientSide<F> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        self.drive(cx)?;
        Pin::new(&mut self.upgraded).poll_read(cx, buf)
    }
}

impl<F: Future<Output = ()>> AsyncWrite for ClientSide<F> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.drive(cx)?;
        Pin::new(&mut self.upgraded).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(self.drive(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.drive(cx)?;
        self.closing = true;
        if let Poll::Ready(closed) = Pin::new(&mut self.upgraded).poll_shutdown(cx) {
            return Poll::Ready(closed);
        }
        // It is told by the end of its task, and how that came.
        self.drive(cx)?;
        Pin::new(&mut self.upgraded).poll_shutdown(cx)
    }
}
