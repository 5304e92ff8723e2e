//! A request's way to a place on a server: at once nearly always, after a wait in
//! the pool's line if every server has as many requests as it may. A wait has a
//! deadline, kept by the sweep as all deadlines are.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use crate::pool::in_flight::InFlight;
use crate::pool::line::{Joined, Ticket};
use crate::pool::view::{Link, Pick, PoolView};
use crate::problem::Problem;
use crate::watch::Side;
use crate::worker::Worker;

/// A server and a place on it.
pub(crate) type Place = (Rc<Link>, InFlight);

/// A place on the next server to ask, none of `tried`, for a request that has to be
/// over by `due_ms`. `None` if there is no such server.
pub(crate) async fn place(
    worker: &Worker,
    view: &PoolView,
    tried: &[u64],
    key: Option<u64>,
    due_ms: u64,
) -> Result<Option<Place>, Problem> {
    match view.pick(tried, key) {
        Pick::Server(link, place) => Ok(Some((link, place))),
        Pick::Nobody => Ok(None),
        // Apart, so that the many who do not wait do not carry the room for it.
        Pick::Full => Box::pin(wait(worker, view, tried, key, due_ms)).await.map(Some),
    }
}

async fn wait(
    worker: &Worker,
    view: &PoolView,
    tried: &[u64],
    key: Option<u64>,
    due_ms: u64,
) -> Result<Place, Problem> {
    let traffic = view.traffic(worker.id);
    let deadline_ms = worker.clock.now_ms() + view.pool.config.queue.timeout_ms;
    let mut tried = tried.to_vec();
    loop {
        let joined = view.pool.line.join(&tried, || match view.pick_now(&tried, key) {
            Pick::Server(link, place) => Some((link, place)),
            Pick::Full | Pick::Nobody => None,
        });
        let ticket = match joined {
            Joined::Served(place) => return Ok(place),
            Joined::Waiting(ticket) => ticket,
            Joined::Full => {
                traffic.queue_full.add(1);
                return Err(Problem::QueueFull);
            }
        };
        traffic.queued.add(1);
        let Some(place) = handed(worker, ticket, deadline_ms.min(due_ms)).await else {
            if due_ms < deadline_ms {
                return Err(Problem::RequestTimeout);
            }
            traffic.queue_timeouts.add(1);
            return Err(Problem::QueueTimeout);
        };
        if let Some(link) = view.link(place.server()) {
            return Ok((link, place));
        }
        // Forgotten by the pool in the meantime, or new in the pool that a reload has
        // put in its place: to the end of the line again, with what is left of the
        // time, and not for a place there.
        tried.push(place.server().id);
    }
}

/// The place that somebody gives back, or nothing at the deadline.
async fn handed(worker: &Worker, mut ticket: Ticket, deadline_ms: u64) -> Option<InFlight> {
    let watch = worker.attempts.enter(None);
    watch.set_due(Side::Read, deadline_ms);
    poll_fn(|cx| {
        watch.listen(cx);
        match ticket.poll_handed(cx) {
            Poll::Ready(place) => Poll::Ready(place),
            Poll::Pending if watch.alarm().is_some() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
