//! What the app server counts. Labels are few and bounded: hosts, route
//! patterns and status classes, never paths or names.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use ::service::Registry;
use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::host::Host;

/// Seconds; from a cached page to the request deadline.
const BUCKETS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    host: &'static str,
    route: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HostLabel {
    host: &'static str,
}

/// Counters of this instance.
pub(crate) struct Metrics {
    requests: Family<Labels, Counter>,
    latency: Family<HostLabel, Histogram, fn() -> Histogram>,
    in_flight: Gauge<i64, AtomicI64>,
}

/// Counts a request as in flight until it is dropped.
pub(crate) struct InFlight(Gauge<i64, AtomicI64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("app");
        registry.register(
            "requests",
            "Requests answered, by host, route pattern and class of status",
            metrics.requests.clone(),
        );
        registry.register(
            "answer_seconds",
            "Time until the head of an answer, by host",
            metrics.latency.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests whose answer has not begun",
            metrics.in_flight.clone(),
        );
        metrics
    }

    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// `route` is the pattern that matched, such as `/{format}/stations`, or `none`.
    pub(crate) fn answered(&self, host: Host, route: &str, status: StatusCode, took: Duration) {
        self.requests
            .get_or_create(&Labels {
                host: host.label(),
                route: route.to_owned(),
                status: class(status),
            })
            .inc();
        self.latency
            .get_or_create(&HostLabel { host: host.label() })
            .observe(took.as_secs_f64());
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
