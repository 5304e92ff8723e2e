//! What is counted, for Prometheus.

use std::time::Duration;

use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::ResponseCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use service::Registry;

use crate::zone::Rtype;

/// Types with a label of their own; the rest are `other`, so that a client
/// cannot fill our memory with series.
const TYPES: &[Rtype] = &[
    Rtype::A,
    Rtype::AAAA,
    Rtype::NS,
    Rtype::SOA,
    Rtype::CNAME,
    Rtype::MX,
    Rtype::TXT,
    Rtype::PTR,
    Rtype::SRV,
    Rtype::CAA,
    Rtype::HTTPS,
    Rtype::SVCB,
    Rtype::DS,
    Rtype::DNSKEY,
    Rtype::ANY,
    Rtype::AXFR,
    Rtype::IXFR,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Query {
    transport: &'static str,
    qtype: &'static str,
    rcode: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Drop {
    transport: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Transport {
    transport: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reload {
    result: &'static str,
}

/// Every metric of the name server.
#[derive(Debug, Clone)]
pub struct Metrics {
    queries: Family<Query, Counter>,
    drops: Family<Drop, Counter>,
    latency_udp: Histogram,
    latency_tcp: Histogram,
    reloads: Family<Reload, Counter>,
    /// TCP connections that are open.
    pub tcp_open: Gauge,
    /// TCP connections that were closed to make room for newer ones.
    pub tcp_evicted: Counter,
    /// Tasks that had to be started again after a fault of ours.
    pub restarts: Counter,
}

impl Metrics {
    /// Registers all of them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("dns");
        // From 2 microseconds to 33 milliseconds: an answer needs no waiting.
        let latency: Family<Transport, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new((0..8).map(|step| 2e-6 * 4_f64.powi(step))));
        let of = |transport| latency.get_or_create(&Transport { transport }).clone();
        let metrics = Self {
            queries: Family::default(),
            drops: Family::default(),
            latency_udp: of("udp"),
            latency_tcp: of("tcp"),
            reloads: Family::default(),
            tcp_open: Gauge::default(),
            tcp_evicted: Counter::default(),
            restarts: Counter::default(),
        };
        registry.register("queries", "Queries answered", metrics.queries.clone());
        registry.register("drops", "Messages that got no answer, by reason", metrics.drops.clone());
        registry.register("latency_seconds", "From a query's arrival to its answer", latency);
        registry.register("reloads", "Reloads of the zones, by result", metrics.reloads.clone());
        registry.register("tcp_connections", "Open TCP connections", metrics.tcp_open.clone());
        registry.register(
            "tcp_evicted",
            "TCP connections closed to make room for newer ones",
            metrics.tcp_evicted.clone(),
        );
        registry.register(
            "restarts",
            "Workers started again after a fault",
            metrics.restarts.clone(),
        );
        metrics
    }

    pub(crate) fn query(&self, protocol: Protocol, qtype: Option<Rtype>, code: ResponseCode, took: Duration) {
        let query = Query {
            transport: transport(protocol),
            qtype: qtype
                .filter(|t| TYPES.contains(t))
                .and_then(Rtype::name)
                .unwrap_or("other"),
            rcode: rcode(code),
        };
        self.queries.get_or_create(&query).inc();
        let latency = if protocol.is_stream() {
            &self.latency_tcp
        } else {
            &self.latency_udp
        };
        latency.observe(took.as_secs_f64());
    }

    pub(crate) fn drop(&self, protocol: Protocol, reason: &'static str) {
        let transport = transport(protocol);
        self.drops.get_or_create(&Drop { transport, reason }).inc();
    }

    pub(crate) fn reload(&self, done: bool) {
        let result = if done { "done" } else { "failed" };
        self.reloads.get_or_create(&Reload { result }).inc();
    }
}

fn transport(protocol: Protocol) -> &'static str {
    if protocol.is_stream() { "tcp" } else { "udp" }
}

fn rcode(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::YXDomain => "YXDOMAIN",
        ResponseCode::NotAuth => "NOTAUTH",
        ResponseCode::BADVERS | ResponseCode::BADSIG => "BADVERS",
        _ => "other",
    }
}
