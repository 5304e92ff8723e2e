//! A second attempt at a request that takes longer than nearly all others, on
//! another server, while the first goes on. The first good answer wins; the
//! other attempt is dropped with its connection, and its server is not blamed.
//!
//! Off unless a pool asks for it, and only for GET and HEAD without a body: the
//! servers may do the work twice. Its own budget keeps it from doubling the load
//! just when everything has become slow.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::Response;
use tokio::time::sleep;

use crate::config::HedgeConfig;
use crate::forward::{Course, failed, on_server};
use crate::outgoing::Outgoing;
use crate::pool::in_flight::InFlight;
use crate::pool::view::{Link, Pick, PoolView};
use crate::retry::Budget;
use crate::times::Times;
use crate::upstream::body::AnswerBody;
use crate::upstream::exchange::Lost;
use crate::worker::Worker;

/// One worker's hedging in one pool.
pub(crate) struct Hedge {
    config: HedgeConfig,
    times: Times,
    budget: Budget,
    /// How long the first attempt has; `None` until enough is known.
    delay: Cell<Option<Duration>>,
}

impl Hedge {
    /// `None` if it is off.
    pub(crate) fn new(config: HedgeConfig) -> Option<Self> {
        config.enabled.then(|| Self {
            config,
            times: Times::default(),
            budget: Budget::of(config.max_percent, 0.0),
            delay: Cell::new(None),
        })
    }

    /// Looks how long nearly all requests take. Done by the sweep, and not by
    /// each request.
    pub(crate) fn sweep(&self, now_ms: u64) {
        self.budget.age(now_ms);
        self.times.age(now_ms);
        let least = Duration::from_millis(self.config.min_ms);
        let known = self.times.percentile(self.config.percentile);
        self.delay.set(known.map(|time| time.max(least)));
    }
}

/// An attempt on the server of `link`, with a second one beside it if it takes
/// long. In `link` is then the server whose answer this is, or whose failure: that
/// of the attempt that was left last. Any other that failed is among those tried.
pub(crate) async fn race(
    worker: &Rc<Worker>,
    view: &PoolView,
    hedge: &Hedge,
    link_and_place: (&mut Rc<Link>, InFlight),
    course: &mut Course,
    outgoing: &Outgoing,
) -> Result<Response<AnswerBody>, Lost> {
    let began = Instant::now();
    hedge.budget.deposit();
    let result = contest(worker, view, hedge, link_and_place, course, outgoing).await;
    if result.is_ok() {
        // If the second attempt has won, the first would have taken longer than
        // this, and this is longer than the delay: its rank is right.
        hedge.times.record(began.elapsed());
    }
    result
}

async fn contest(
    worker: &Rc<Worker>,
    view: &PoolView,
    hedge: &Hedge,
    link_and_place: (&mut Rc<Link>, InFlight),
    course: &mut Course,
    outgoing: &Outgoing,
) -> Result<Response<AnswerBody>, Lost> {
    let (link, place) = link_and_place;
    let first_link = link.clone();
    let mut first = pin!(on_server(worker, view, &first_link, place, outgoing));
    let Some(delay) = hedge.delay.get() else {
        return first.await;
    };
    tokio::select! {
        biased;
        result = &mut first => return result,
        () = sleep(delay) => {}
    }
    let mut seen = course.tried.clone();
    seen.push(first_link.server.id);
    // Who would have to wait for a place is not worth a second one.
    let (second_link, place) = match view.pick(&seen, course.key) {
        Pick::Server(link, place) if hedge.budget.withdraw() => (link, place),
        _ => return first.await,
    };
    let traffic = view.traffic(worker.id);
    traffic.hedges.add(1);
    let mut second = pin!(on_server(worker, view, &second_link, place, outgoing));
    let (result, second_is_left) = tokio::select! {
        biased;
        result = &mut first => (result, true),
        result = &mut second => (result, false),
    };
    let (ended, left) = if second_is_left {
        (&first_link, &second_link)
    } else {
        (&second_link, &first_link)
    };
    *link = ended.clone();
    if is_good(&result) {
        traffic.hedge_wins.add(u64::from(!second_is_left));
        *link = ended.clone();
        return result;
    }
    let other = if second_is_left { second.await } else { first.await };
    if is_good(&other) {
        traffic.hedge_wins.add(u64::from(second_is_left));
    }
    match (result, other) {
        (Err(lost), other) => {
            failed(worker, view, ended, &lost);
            course.tried.push(ended.server.id);
            *link = left.clone();
            other
        }
        (Ok(_), Ok(other)) => {
            *link = left.clone();
            Ok(other)
        }
        // An error told by a server is better than one told by nobody.
        (Ok(error), Err(lost)) => {
            failed(worker, view, left, &lost);
            *link = ended.clone();
            Ok(error)
        }
    }
}

/// Whether an answer ends the race.
fn is_good(result: &Result<Response<AnswerBody>, Lost>) -> bool {
    result
        .as_ref()
        .is_ok_and(|response| !response.status().is_server_error())
}
