//! One request and the head of its answer on one connection.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;

use super::{Upstream, answer};
use crate::problem::Problem;
use crate::request::body::RequestBody;
use crate::watch::Alarm;

/// An attempt without an answer.
pub(crate) struct Lost {
    /// Why.
    pub(crate) problem: Problem,
    /// No byte of the request has left: it may be sent elsewhere, whatever its
    /// method.
    pub(crate) unwritten: bool,
    /// The connection had been used before and its end may be that of an idle
    /// connection.
    pub(crate) reused: bool,
}

impl Lost {
    /// The server has seen the request, and not for want of a live connection.
    pub(crate) fn seen(problem: Problem) -> Self {
        Self {
            problem,
            unwritten: false,
            reused: false,
        }
    }
}

/// Sends `request` and waits for the answer's head, which is checked. The
/// connection is dropped when there is none. `upgrade` names the protocols that
/// the server may switch to.
pub(crate) async fn send(
    mut upstream: Box<Upstream>,
    request: Request<RequestBody>,
    upgrade: Option<&HeaderValue>,
) -> Result<(Response<Incoming>, Box<Upstream>), Lost> {
    upstream.upgrades = upgrade.is_some();
    let written_before = upstream.written_bytes.get();
    let mut answering = pin!(upstream.sender.try_send_request(request));
    let result = poll_fn(|cx| {
        upstream.watch.listen(cx);
        let _ended = upstream.poll_drive(cx);
        if let Poll::Ready(result) = answering.as_mut().poll(cx) {
            return Poll::Ready(result.map_err(|error| {
                let handed_back = error.message().is_some();
                (problem_of(&error.into_error()), handed_back)
            }));
        }
        match upstream.watch.alarm() {
            Some(Alarm::ServerLost) => Poll::Ready(Err((Problem::ServerLost, false))),
            Some(_) => Poll::Ready(Err((Problem::FirstByteTimeout, false))),
            None => Poll::Pending,
        }
    })
    .await;
    match result {
        Ok(mut response) => match answer::check(&mut response, upgrade) {
            Ok(()) => Ok((response, upstream)),
            Err(problem) => Err(Lost::seen(problem)),
        },
        Err((problem, handed_back)) => Err(Lost {
            problem,
            unwritten: handed_back || upstream.written_bytes.get() == written_before,
            reused: upstream.reused && problem == Problem::ConnectionLost,
        }),
    }
}

fn problem_of(error: &hyper::Error) -> Problem {
    if error.is_parse() {
        Problem::AnswerMalformed
    } else {
        Problem::ConnectionLost
    }
}
