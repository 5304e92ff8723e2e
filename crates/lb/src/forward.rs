//! Sends a request to a server and, if that fails, to another.

use std::rc::Rc;
use std::time::Instant;

use http::header::{CONNECTION, HeaderValue};
use http::{Response, StatusCode};
use tokio::time::sleep;
use tracing::debug;

use crate::access_log::Record;
use crate::config::Protocol;
use crate::hedge;
use crate::metrics::Counter;
use crate::outgoing::Outgoing;
use crate::plan::PlanView;
use crate::pool::in_flight::InFlight;
use crate::pool::view::{Link, PoolView};
use crate::problem::Problem;
use crate::queue::{self, Place};
use crate::request::body::Source;
use crate::retry;
use crate::upstream::body::AnswerBody;
use crate::upstream::exchange::{self, Lost};
use crate::upstream::switch::switch;
use crate::upstream::{connect, multiplexed};
use crate::watch::{GiveUp, Side};
use crate::worker::Worker;

/// The answer of a server of the pool, its body still to come. `key` is what a
/// consistent hash goes by.
pub(crate) async fn forward(
    worker: &Rc<Worker>,
    plan: &PlanView,
    view: &PoolView,
    key: Option<u64>,
    outgoing: Outgoing,
    record: &mut Record,
) -> Result<Response<AnswerBody>, Problem> {
    let Some(entered) = view.gate.enter() else {
        view.traffic(worker.id).shed.add(1);
        return Err(Problem::Overloaded);
    };
    let _entered = outgoing.hold(entered);
    let mut course = Course {
        key,
        tried: Vec::new(),
        rounds: 0,
        began_ms: worker.clock.now_ms(),
    };
    let mut last = Problem::NoServer;
    let mut again: Option<&Counter> = None;
    let attempts = plan.config.retry.attempts;
    plan.budget.deposit();
    for attempt in 1..=attempts {
        let (mut link, place) = match queue::place(worker, view, &course.tried, key, outgoing.due_ms()).await? {
            Some(place) => place,
            // Rare: kept out of what every connection has room for.
            None => match Box::pin(next_round(worker, plan, view, &mut course, outgoing.due_ms())).await? {
                Some(place) => place,
                None => break,
            },
        };
        if let Some(count) = again {
            count.add(1);
            outgoing.count_again();
            debug!(to = link.server.id, reason = %last, "trying again");
        }
        record.tried(&link, outgoing.sent_again());
        let result = match &view.hedge {
            Some(hedge) if outgoing.may_be_doubled() => {
                Box::pin(hedge::race(
                    worker,
                    view,
                    hedge,
                    (&mut link, place),
                    &mut course,
                    &outgoing,
                ))
                .await
            }
            _ => on_server(worker, view, &link, place, &outgoing).await,
        };
        // It may be another one now.
        record.tried(&link, outgoing.sent_again());
        let lost = match result {
            Ok(response) => return Ok(response),
            Err(lost) => lost,
        };
        last = lost.problem;
        failed(worker, view, &link, &lost);
        if attempt == attempts || is_stale(&link, &lost) {
            break;
        }
        again = may_retry(worker, plan, view, &link, &outgoing, &lost);
        if again.is_none() {
            break;
        }
        course.tried.push(link.server.id);
    }
    Err(last)
}

/// Where a request has been.
pub(crate) struct Course {
    /// What a consistent hash goes by.
    pub(crate) key: Option<u64>,
    /// Servers that have failed it in this round.
    pub(crate) tried: Vec<u64>,
    /// Rounds in which all have.
    rounds: u32,
    began_ms: u64,
}

/// Every server has failed the request: waits a little and begins anew, but not
/// with the one that was last. `None` if it is over.
async fn next_round(
    worker: &Worker,
    plan: &PlanView,
    view: &PoolView,
    course: &mut Course,
    due_ms: u64,
) -> Result<Option<Place>, Problem> {
    let Some(last) = course.tried.pop() else {
        return Ok(None);
    };
    let backoff_ms = plan.config.retry.backoff_ms;
    let pause = retry::pause(backoff_ms, course.rounds);
    let deadline_ms = due_ms.min(course.began_ms + view.pool.config.upstream.first_byte_ms);
    if backoff_ms == 0 || worker.clock.now_ms() + pause.as_millis() as u64 > deadline_ms {
        return Ok(None);
    }
    sleep(pause).await;
    course.rounds += 1;
    course.tried.clear();
    match queue::place(worker, view, &[last], course.key, due_ms).await? {
        Some(place) => Ok(Some(place)),
        None => queue::place(worker, view, &[], course.key, due_ms).await,
    }
}

/// An attempt has failed: counts it against its server, unless all that
/// happened is that a kept connection was closed.
pub(crate) fn failed(worker: &Worker, view: &PoolView, link: &Link, lost: &Lost) {
    if !is_stale(link, lost) {
        blame(worker, view, link, lost.problem);
    }
}

/// Counts a failure against its server, if it is the server's.
fn blame(worker: &Worker, view: &PoolView, link: &Link, problem: Problem) {
    if !problem.blames_server() {
        return;
    }
    worker.server_traffic(link, |traffic| traffic.failures.add(1));
    view.traffic(worker.id).failures.add(1);
    if is_only_slow(link, problem) {
        // Whether there is more to it is for the checks to find out.
        link.server.recheck.notify_one();
    } else {
        view.pool.failed(&link.server, problem);
    }
}

/// A late answer of a server that is there says something about the request:
/// another server would be as slow, and ejecting them one after the other would
/// let one slow path take all of them away.
fn is_only_slow(link: &Link, problem: Problem) -> bool {
    problem == Problem::FirstByteTimeout && !link.server.is_dead()
}

/// Whether all that happened is that a kept connection had been closed, which a
/// server may do at any time.
fn is_stale(link: &Link, lost: &Lost) -> bool {
    lost.reused && !link.server.is_dead()
}

/// Tries one server, a second time if the first was on a kept connection that
/// turned out to be closed.
pub(crate) async fn on_server(
    worker: &Rc<Worker>,
    view: &PoolView,
    link: &Rc<Link>,
    place: InFlight,
    outgoing: &Outgoing,
) -> Result<Response<AnswerBody>, Lost> {
    let mut place = Some(place);
    // What must not be sent twice never meets a connection that the server may
    // be closing at this moment.
    // HTTP/2 says goodbye first.
    let fresh = outgoing.only_once() && view.pool.config.protocol == Protocol::Http1;
    match attempt(worker, view, link, &mut place, outgoing, fresh).await {
        Err(lost) if is_stale(link, &lost) => {
            link.idle.clear();
            if !outgoing.is_replayable() || !lost.unwritten && !outgoing.is_repeatable() {
                return Err(lost);
            }
            // Not from the budget: it stays with the same server, happens once
            // for a request, and a failure on the new connection may still
            // have to be made good elsewhere.
            let traffic = view.traffic(worker.id);
            let count = if lost.unwritten {
                &traffic.redispatches
            } else {
                &traffic.retries
            };
            count.add(1);
            outgoing.count_again();
            attempt(worker, view, link, &mut place, outgoing, true).await
        }
        result => result,
    }
}

/// `place` goes with the answer; without one it is there for another attempt.
async fn attempt(
    worker: &Rc<Worker>,
    view: &PoolView,
    link: &Rc<Link>,
    place: &mut Option<InFlight>,
    outgoing: &Outgoing,
    fresh: bool,
) -> Result<Response<AnswerBody>, Lost> {
    let config = &view.pool.config.upstream;
    let began = Instant::now();
    let failed = |problem| Lost {
        problem,
        unwritten: true,
        reused: false,
    };
    let due_ms = outgoing.due_ms();
    let kept = match view.pool.config.protocol {
        Protocol::Http1 if fresh => None,
        Protocol::Http1 => link.idle.pop(worker.clock.now_ms()).map(|upstream| (upstream, false)),
        Protocol::H2 => {
            let leased = multiplexed::lease(worker, link, config, due_ms).await;
            let mut leased = leased.map_err(failed)?;
            leased.0.reused &= !fresh;
            Some(leased)
        }
    };
    let (upstream, made) = match kept {
        Some(kept) => kept,
        None => (connect(worker, link, config, due_ms).await.map_err(failed)?, true),
    };
    if made {
        worker.server_traffic(link, |traffic| traffic.connects.add(1));
        view.traffic(worker.id).connects.add(1);
    }
    let watch = &upstream.watch;
    watch.set_due(Side::Read, worker.clock.now_ms() + config.first_byte_ms);
    watch.set_due(Side::Write, due_ms);
    // A server that is tried although probes find nobody there is waited for.
    if outgoing.is_repeatable() && !link.server.is_dead() {
        watch.set_give_up(GiveUp::IfDead);
    }
    let request = outgoing.request(watch.handle());
    match exchange::send(upstream, request, outgoing.upgrade()).await {
        Ok((mut response, upstream)) => {
            if let Some(source) = outgoing.source() {
                source.set_answered();
                // RFC 9112 9.3: what is left of the request may never be read, and
                // then nothing can follow it.
                if !source.is_over() {
                    response
                        .headers_mut()
                        .insert(CONNECTION, HeaderValue::from_static("close"));
                }
            }
            let elapsed_us = began.elapsed().as_micros() as u64;
            worker.server_traffic(link, |traffic| traffic.answered(response.status(), elapsed_us));
            view.gate.record(outgoing.waited_since(began).as_micros() as u64);
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                let switched = switch(upstream, place.take()).await;
                let server = Box::new(switched.map_err(Lost::seen)?);
                link.server.succeeded();
                return Ok(response.map(|incoming| AnswerBody::switched(incoming, server)));
            }
            let between_ms = config.between_bytes_ms;
            let answer = |incoming| AnswerBody::new(incoming, upstream, worker, link, between_ms, due_ms, place.take());
            Ok(response.map(|incoming| answer(incoming).answering(outgoing.shared_source())))
        }
        Err(mut lost) => {
            if lost.problem == Problem::FirstByteTimeout {
                view.gate.record(outgoing.waited_since(began).as_micros() as u64);
            }
            // What the client did to its own body is not the server's fault.
            if let Some(problem) = outgoing.source().and_then(Source::failure) {
                lost.problem = problem;
                lost.reused = false;
            }
            Err(lost)
        }
    }
}

/// The rules of retry.rs; answers what the next attempt counts as.
fn may_retry<'a>(
    worker: &Worker,
    plan: &PlanView,
    view: &'a PoolView,
    link: &Link,
    outgoing: &Outgoing,
    lost: &Lost,
) -> Option<&'a Counter> {
    if !lost.problem.blames_server() || is_only_slow(link, lost.problem) || !outgoing.is_replayable() {
        return None;
    }
    let traffic = view.traffic(worker.id);
    if lost.unwritten {
        return Some(&traffic.redispatches);
    }
    if !outgoing.is_repeatable() {
        return None;
    }
    if !plan.budget.withdraw() {
        traffic.budget_exhausted.add(1);
        return None;
    }
    Some(&traffic.retries)
}
