//! The numbers as Prometheus sees them, added up when it asks.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::{Counter, LATENCY_BOUNDS_MS, Traffic, WorkerStats, sum};
use crate::pool::Pool;
use crate::shared::Shared;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Registered once; reads the shared state.
#[derive(Debug)]
pub(crate) struct Export(pub(crate) Arc<Shared>);

/// Label sets of one metric and their values.
type Series = Vec<(Vec<(&'static str, String)>, u64)>;

/// A counter of [`Traffic`] with its name and help.
type Count = (&'static str, &'static str, fn(&Traffic) -> &Counter);

const COUNTS: [Count; 8] = [
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
];

impl Collector for Export {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let shared = &self.0;
        let encoder = &mut encoder;
        let pools = &shared.plan().pools;
        encode_traffic(pools, encoder)?;
        encode_servers(pools, encoder)?;
        encode_latency(pools, encoder)?;

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
    let (mut ejections, mut limits) = (Series::new(), Series::new());
    for pool in pools {
        let label = || ("pool", pool.config.name.clone());
        for (class, name) in CLASSES.iter().enumerate() {
            let total = pool.traffic.iter().map(|row| row.answers[class].get()).sum();
            requests.push((vec![label(), ("code", (*name).to_owned())], total));
        }
        ejections.push((vec![label()], pool.ejections.load(Relaxed)));
        if let Some(limit) = pool.limiter.limit() {
            limits.push((vec![label()], limit as u64));
        }
    }
    counters(encoder, "lb_requests", "Requests answered by servers", requests)?;
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
    counters(encoder, "lb_ejections", "Servers ejected by live traffic", ejections)
}

fn encode_servers(pools: &[Arc<Pool>], encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let (mut requests, mut failures, mut in_flight, mut healthy) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for pool in pools {
        for server in pool.members() {
            let labels = || {
                vec![
                    ("pool", pool.config.name.clone()),
                    ("server", server.address.to_string()),
                ]
            };
            for (class, name) in CLASSES.iter().enumerate() {
                let total = server.traffic.iter().map(|row| row.answers[class].get()).sum();
                let mut labels = labels();
                labels.push(("code", (*name).to_owned()));
                requests.push((labels, total));
            }
            failures.push((labels(), sum(&server.traffic, |row| &row.failures)));
            in_flight.push((labels(), server.in_flight() as u64));
            healthy.push((labels(), u64::from(server.is_in_rotation())));
        }
    }
    counters(encoder, "lb_server_requests", "Requests answered by a server", requests)?;
    counters(
        encoder,
        "lb_server_failures",
        "Attempts on a server without an answer",
        failures,
    )?;
    gauges(
        encoder,
        "lb_server_in_flight",
        "Requests a server owes an answer to",
        in_flight,
    )?;
    gauges(encoder, "lb_server_healthy", "Whether a server is in rotation", healthy)
}

fn encode_latency(pools: &[Arc<Pool>], encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let help = "Time from a request's head to its answer's head";
    let mut family = encoder.encode_descriptor("lb_latency", help, Some(&Unit::Seconds), MetricType::Histogram)?;
    for pool in pools {
        let labels = [("pool", pool.config.name.as_str())];
        let bounds = LATENCY_BOUNDS_MS.iter().map(|bound| *bound as f64 / 1000.0);
        let buckets: Vec<(f64, u64)> = bounds
            .chain([f64::INFINITY])
            .enumerate()
            .map(|(index, bound)| (bound, sum(&pool.traffic, |row| &row.latency[index])))
            .collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let seconds = sum(&pool.traffic, |row| &row.latency_us) as f64 / 1e6;
        family
            .encode_family(&labels)?
            .encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)?;
    }
    Ok(())
}

fn counters(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, series: Series) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in series {
        if labels.is_empty() {
            family.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        } else {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn gauges(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, series: Series) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in series {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        if labels.is_empty() {
            family.encode_gauge(&value)?;
        } else {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
