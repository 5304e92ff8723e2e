//! The numbers as Prometheus sees them, added up when it asks.

mod latency;
mod series;
mod servers;
mod tls;

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use self::series::{Series, counters, gauges};
use super::codes::Codes;
use super::{Counter, Traffic, WorkerStats, sum};
use crate::pool::Pool;
use crate::shared::Shared;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Registered once; reads the shared state.
#[derive(Debug)]
pub(crate) struct Export(pub(crate) Arc<Shared>);

/// A counter of [`Traffic`] with its name and help.
type Count = (&'static str, &'static str, fn(&Traffic) -> &Counter);

const COUNTS: [Count; 13] = [
    ("lb_failures", "Attempts that ended without an answer", |t| &t.failures),
    ("lb_connects", "Connections made to servers", |t| &t.connects),
    ("lb_retries", "Requests tried again that a server may have seen", |t| {
        &t.retries
    }),
    (
        "lb_redispatches",
        "Requests sent elsewhere that no server had seen",
        |t| &t.redispatches,
    ),
    ("lb_sent_bytes", "Bytes written to servers", |t| &t.sent_bytes),
    ("lb_received_bytes", "Bytes read from servers", |t| &t.received_bytes),
    ("lb_budget_exhausted", "Retries that the budget did not allow", |t| {
        &t.budget_exhausted
    }),
    ("lb_hedges", "Second attempts beside a first one that took long", |t| {
        &t.hedges
    }),
    ("lb_hedge_wins", "Such attempts whose answer was taken", |t| {
        &t.hedge_wins
    }),
    (
        "lb_shed",
        "Requests refused because the servers had enough to do",
        |t| &t.shed,
    ),
    ("lb_queued", "Requests that had to wait for a place on a server", |t| {
        &t.queued
    }),
    ("lb_queue_full", "Requests refused because too many waited", |t| {
        &t.queue_full
    }),
    ("lb_queue_timeouts", "Requests that waited for a place in vain", |t| {
        &t.queue_timeouts
    }),
];

impl Collector for Export {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let shared = &self.0;
        let encoder = &mut encoder;
        let pools = &shared.plan().pools;
        encode_traffic(pools, encoder)?;
        servers::encode(pools, encoder)?;
        latency::encode(pools, encoder)?;

        let workers = &shared.workers;
        let single = |counter: fn(&WorkerStats) -> &Counter| vec![(Vec::new(), sum(workers, counter))];
        counters(
            encoder,
            "lb_connections",
            "Client connections accepted",
            single(|w| &w.accepted),
        )?;
        counters(
            encoder,
            "lb_turned_away",
            "Connections closed at once, because their address had too many",
            single(|w| &w.turned_away),
        )?;
        counters(
            encoder,
            "lb_evicted",
            "Connections not at work that were closed because others needed their places",
            single(|w| &w.evicted),
        )?;
        counters(
            encoder,
            "lb_unannounced",
            "Connections closed for want of a valid PROXY protocol header from a trusted address",
            single(|w| &w.unannounced),
        )?;
        counters(
            encoder,
            "lb_timeouts",
            "Client connections ended by a deadline",
            single(|w| &w.timeouts),
        )?;
        counters(
            encoder,
            "lb_refused",
            "Requests refused for their framing",
            single(|w| &w.refused),
        )?;
        counters(
            encoder,
            "lb_http2_connections",
            "Client connections that spoke HTTP/2",
            single(|w| &w.http2),
        )?;
        counters(
            encoder,
            "lb_http2_floods",
            "HTTP/2 connections ended because they flooded",
            single(|w| &w.floods),
        )?;
        counters(
            encoder,
            "lb_overloaded",
            "Requests refused because there were too many in the whole balancer",
            single(|w| &w.shed),
        )?;
        gauges(
            encoder,
            "lb_requests_under_way",
            "Requests of clients whose answer is not out yet",
            vec![(Vec::new(), shared.requests.total() as u64)],
        )?;
        counters(
            encoder,
            "lb_tunnels",
            "Connections that became tunnels",
            single(|w| &w.tunnels),
        )?;
        let tunnels = workers.iter().map(|worker| worker.tunnels_open.load(Relaxed)).sum();
        gauges(
            encoder,
            "lb_tunnels_open",
            "Tunnels open now",
            vec![(Vec::new(), tunnels)],
        )?;
        let own = (0..5).map(|class| {
            let total = workers.iter().map(|worker| worker.own_answers[class].get()).sum();
            (vec![("code", CLASSES[class].to_owned())], total)
        });
        counters(
            encoder,
            "lb_own_answers",
            "Answers the balancer gave itself",
            own.collect(),
        )?;
        counters(
            encoder,
            "lb_access_log_dropped",
            "Lines of the access log that were not written",
            vec![(Vec::new(), shared.access_log.dropped())],
        )?;
        tls::encode(shared, encoder)?;
        let open = shared.connections.load(Relaxed) as u64;
        gauges(
            encoder,
            "lb_connections_open",
            "Client connections open now",
            vec![(Vec::new(), open)],
        )
    }
}

fn encode_traffic(pools: &[Arc<Pool>], encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let mut requests = Series::new();
    let (mut statuses, mut ejections) = (Series::new(), Series::new());
    let (mut limits, mut waiting) = (Series::new(), Series::new());
    for pool in pools {
        let label = || ("pool", pool.config.name.clone());
        let seen = Codes::seen(&pool.traffic, |row| &row.codes);
        for (class, name) in CLASSES.iter().enumerate() {
            let total = sum(&pool.traffic, |row| &row.answers[class]);
            requests.push((vec![label(), ("code", (*name).to_owned())], total));
        }
        let by_status = |(status, total): (u16, u64)| (vec![label(), ("status", status.to_string())], total);
        statuses.extend(seen.into_iter().map(by_status));
        ejections.push((vec![label()], pool.ejections.load(Relaxed)));
        if let Some(limit) = pool.limiter.limit() {
            limits.push((vec![label()], limit as u64));
        }
        waiting.push((vec![label()], pool.line.waiting() as u64));
    }
    counters(encoder, "lb_requests", "Requests answered by servers", requests)?;
    counters(encoder, "lb_answers", "The same by status", statuses)?;
    for (name, help, counter) in COUNTS {
        let labels = |pool: &Pool| vec![("pool", pool.config.name.clone())];
        let series = pools.iter().map(|pool| (labels(pool), sum(&pool.traffic, counter)));
        counters(encoder, name, help, series.collect())?;
    }
    gauges(
        encoder,
        "lb_concurrency_limit",
        "Requests that the servers may have at once",
        limits,
    )?;
    let help = "Requests that wait for a place on a server";
    gauges(encoder, "lb_queue", help, waiting)?;
    counters(encoder, "lb_ejections", "Servers ejected by live traffic", ejections)
}
