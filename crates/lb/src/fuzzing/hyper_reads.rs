//! hyper's reading of a stream: its server as a client's connection has it, fed
//! from memory.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;

use super::request::LIMITS;
use super::strict::Message;
use crate::connection::http1;

/// Polls without anything new after which there is nothing more to come.
const QUIET: u32 = 4;

/// Bytes that come in pieces of one size and then no more, while the client stays.
struct Memory {
    bytes: Vec<u8>,
    at: usize,
    size: usize,
    /// Every other read has nothing yet.
    waits: bool,
}

impl Read for Memory {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.waits = !self.waits;
        let end = (self.at + self.size.min(buf.remaining())).min(self.bytes.len());
        if self.waits || end == self.at {
            return Poll::Pending;
        }
        buf.put_slice(&self.bytes[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }
}

impl Write for Memory {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What hyper makes of `passed` in pieces of `size`.
pub(super) fn read(passed: &[u8], size: usize) -> Vec<Message> {
    let messages: Rc<RefCell<Vec<Message>>> = Rc::default();
    let seen = messages.clone();
    let service = service_fn(move |request: Request<Incoming>| answer(request, seen.clone()));
    let memory = Memory {
        bytes: passed.to_vec(),
        at: 0,
        size,
        waits: false,
    };
    let mut connection = pin!(http1::builder(LIMITS.head_bytes).serve_connection(memory, service));
    let mut cx = Context::from_waker(Waker::noop());
    let amount = || {
        let messages = messages.borrow();
        let body: usize = messages.iter().map(|message| message.body.len()).sum();
        messages.len() + body + messages.iter().filter(|message| message.complete).count()
    };
    let (mut before, mut quiet) = (0, 0);
    // Bounded: each piece takes a read, a wait and the quiet behind it.
    for _ in 0..4 * passed.len() + 64 {
        match connection.as_mut().poll(&mut cx) {
            Poll::Ready(Ok(())) => break,
            Poll::Ready(Err(error)) if error.is_parse() => panic!("hyper refuses what passed: {error:?}"),
            Poll::Ready(Err(_)) => break,
            Poll::Pending => {}
        }
        quiet = if amount() == before { quiet + 1 } else { 0 };
        before = amount();
        if quiet > QUIET + 2 * (passed.len() / size) as u32 {
            break;
        }
    }
    messages.take()
}

async fn answer(
    request: Request<Incoming>,
    messages: Rc<RefCell<Vec<Message>>>,
) -> Result<Response<String>, Infallible> {
    let (parts, mut body) = request.into_parts();
    let fields = parts.headers.iter().filter(|(name, _)| *name != CONTENT_LENGTH);
    let mut fields: Vec<_> = fields
        .map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect();
    fields.sort();
    let number = messages.borrow().len();
    messages.borrow_mut().push(Message {
        method: parts.method.as_str().as_bytes().to_vec(),
        target: parts.uri.to_string().into_bytes(),
        fields,
        ..Message::default()
    });
    let mut response = Response::new(String::new());
    // As the balancer does; a good answer would end HTTP here.
    if parts.method == Method::CONNECT {
        *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let message = &mut messages.borrow_mut()[number];
        match frame {
            Some(Ok(frame)) => message.body.extend(frame.data_ref().into_iter().flatten()),
            Some(Err(_)) => {
                message.refused = true;
                return Ok(response);
            }
            None => {
                message.complete = true;
                return Ok(response);
            }
        }
    }
}
