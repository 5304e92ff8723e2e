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
use crate::request::upgrade::Wish;
use crate::watch::{Alarm, Side, Watch};

/// A server may send any number of informational answers before the one that
/// counts (RFC 9110 15.2), which are passed over; but not for ever.
const MAX_BYTES_BEFORE_ANSWER: u64 = 2 * 1024 * 1024;

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
/// connection is dropped when there is none. `upgrade` is what the server may
/// switch to.
pub(crate) async fn send(
    mut upstream: Box<Upstream>,
    mut request: Request<RequestBody>,
    upgrade: Option<&Wish>,
) -> Result<(Response<Incoming>, Box<Upstream>), Lost> {
    upstream.upgrades = upgrade.is_some();
    let written_before = upstream.counts.written_bytes.get();
    let read_before = upstream.counts.read_bytes.get();
    let mut answering = pin!(match &mut upstream.sender {
        Sender::Http1(sender) => Either::Left(sender.try_send_request(request)),
        Sender::Http2(lease) => {
            multiplexed::fit(&mut request);
            // Whose bytes leave a shared connection is not told: ours, then.
            upstream.counts.written_bytes.set(written_before + 1);
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
            Some(_) => Poll::Ready(Err((late(&upstream.watch, Problem::FirstByteTimeout), false))),
            None if upstream.counts.read_bytes.get() - read_before > MAX_BYTES_BEFORE_ANSWER => {
                Poll::Ready(Err((Problem::AnswerMalformed, false)))
            }
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
            unwritten: handed_back || upstream.counts.written_bytes.get() == written_before,
            reused: upstream.reused && problem == Problem::ConnectionLost,
        }),
    }
}

/// What it means that a deadline of `watch` has passed: for the whole request, which
/// goes by its second one, or for this step of it.
pub(super) fn late(watch: &Watch, step: Problem) -> Problem {
    if watch.due(Side::Write) <= watch.due(Side::Read) {
        Problem::RequestTimeout
    } else {
        step
    }
}

fn problem_of(error: &hyper::Error) -> Problem {
    if error.is_parse() {
        Problem::AnswerMalformed
    } else {
        Problem::ConnectionLost
    }
}
