//! One request and the head of its answer on one connection.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio_util::either::Either;

use super::{Sender, Upstream, answer, multiplexed};
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

/// Sends `request` and waits for the answer's head, which is checked. The
/// connection is dropped when there is none.
pub(crate) async fn send(
    mut upstream: Box<Upstream>,
    mut request: Request<RequestBody>,
) -> Result<(Response<Incoming>, Box<Upstream>), Lost> {
    let written_before = upstream.written_bytes.get();
    let mut answering = pin!(match &mut upstream.sender {
        Sender::Http1(sender) => Either::Left(sender.try_send_request(request)),
        Sender::Http2(lease) => {
            multiplexed::fit(&mut request);
            // Whose bytes leave a shared connection is not told: ours, then.
            upstream.written_bytes.set(written_before + 1);
            Either::Right(lease.sender.try_send_request(request))
        }
    });
    let result = poll_fn(|cx| {
        upstream.watch.listen(cx);
        let _ended = upstream.poll_drive(cx);
        if let Poll::Ready(result) = answering.as_mut().poll(cx) {
            return Poll::Ready(result.map_err(|error| {
                let handed_back = error.message().is_some();
                let error = error.into_error();
                (problem_of(&error), handed_back || upstream.was_refused(&error))
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
        Ok(mut response) => match answer::check(&mut response) {
            Ok(()) => Ok((response, upstream)),
            Err(problem) => Err(Lost {
                problem,
                unwritten: false,
                reused: false,
            }),
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
