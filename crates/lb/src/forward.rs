//! Sends a request to a server and, if that fails, to another.

use std::rc::Rc;
use std::time::Instant;

use http::Response;
use tracing::debug;

use crate::outgoing::Outgoing;
use crate::plan::PlanView;
use crate::pool::in_flight::InFlight;
use crate::pool::view::{Link, PoolView};
use crate::problem::Problem;
use crate::queue;
use crate::request::body::Source;
use crate::upstream::body::AnswerBody;
use crate::upstream::connect;
use crate::upstream::exchange::{self, Lost};
use crate::watch::{GiveUp, Side};
use crate::worker::Worker;

/// The answer of a server of the pool, its body still to come. `key` is what a
/// consistent hash goes by.
pub(crate) async fn forward(
    worker: &Rc<Worker>,
    plan: &PlanView,
    view: &PoolView,
    key: Option<u64>,
    mut outgoing: Outgoing,
) -> Result<Response<AnswerBody>, Problem> {
    let mut tried: Vec<u64> = Vec::new();
    let mut last = Problem::NoServer;
    plan.budget.deposit();
    while (tried.len() as u32) < plan.config.retry.attempts {
        let Some((link, place)) = queue::place(worker, view, &tried, key).await? else {
            break;
        };
        if let Some(server) = tried.last() {
            debug!(from = server, to = link.server.id, reason = %last, "trying another server");
        }
        match on_server(worker, view, &link, place, &mut outgoing).await {
            Ok(response) => return Ok(response),
            Err(lost) => {
                last = lost.problem;
                if is_stale(&link, &lost) {
                    break;
                }
                blame(worker, view, &link, lost.problem);
                if !may_retry(worker, plan, view, &link, &outgoing, &lost) {
                    break;
                }
                tried.push(link.server.id);
            }
        }
    }
    Err(last)
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
async fn on_server(
    worker: &Rc<Worker>,
    view: &PoolView,
    link: &Rc<Link>,
    place: InFlight,
    outgoing: &mut Outgoing,
) -> Result<Response<AnswerBody>, Lost> {
    // What must not be sent twice never meets a connection that the server may
    // be closing at this moment.
    let fresh = outgoing.only_once();
    let mut place = Some(place);
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
    outgoing: &mut Outgoing,
    fresh: bool,
) -> Result<Response<AnswerBody>, Lost> {
    let config = &view.pool.config.upstream;
    let began = Instant::now();
    let kept = if fresh {
        None
    } else {
        link.idle.pop(worker.clock.now_ms())
    };
    let upstream = match kept {
        Some(upstream) => upstream,
        None => {
            let upstream = connect(worker, link, config).await.map_err(|problem| Lost {
                problem,
                unwritten: true,
                reused: false,
            })?;
            worker.server_traffic(link, |traffic| traffic.connects.add(1));
            view.traffic(worker.id).connects.add(1);
            upstream
        }
    };
    let watch = &upstream.watch;
    watch.set_due(Side::Read, worker.clock.now_ms() + config.first_byte_ms);
    // A server that is tried although probes find nobody there is waited for.
    if outgoing.is_repeatable() && !link.server.is_dead() {
        watch.set_give_up(GiveUp::IfDead);
    }
    let request = outgoing.request(watch.handle());
    match exchange::send(upstream, request).await {
        Ok((response, upstream)) => {
            if let Some(source) = outgoing.source() {
                source.set_answered();
            }
            link.server.succeeded();
            let elapsed_us = began.elapsed().as_micros() as u64;
            worker.server_traffic(link, |traffic| traffic.answered(response.status(), elapsed_us));
            Ok(response.map(|incoming| {
                AnswerBody::new(incoming, upstream, worker, link, config.between_bytes_ms, place.take())
            }))
        }
        Err(mut lost) => {
            // What the client did to its own body is not the server's fault.
            if let Some(problem) = outgoing.source().and_then(Source::failure) {
                lost.problem = problem;
                lost.reused = false;
            }
            Err(lost)
        }
    }
}

/// The rules of retry.rs.
fn may_retry(worker: &Worker, plan: &PlanView, view: &PoolView, link: &Link, outgoing: &Outgoing, lost: &Lost) -> bool {
    if !lost.problem.blames_server() || is_only_slow(link, lost.problem) || !outgoing.is_replayable() {
        return false;
    }
    let traffic = view.traffic(worker.id);
    if lost.unwritten {
        traffic.redispatches.add(1);
        return true;
    }
    if !outgoing.is_repeatable() {
        return false;
    }
    if !plan.budget.withdraw() {
        traffic.budget_exhausted.add(1);
        return false;
    }
    traffic.retries.add(1);
    true
}
