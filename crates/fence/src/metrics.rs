//! What is counted, for Prometheus.

use prometheus_client::metrics::counter::Counter;
use service::Registry;

/// Counters of an agent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) failed_probes: Counter,
    pub(crate) suspicions: Counter,
    pub(crate) depositions: Counter,
    pub(crate) etcd_errors: Counter,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let mut add = |name, help, counter: &Counter| registry.register(name, help, counter.clone());
        add(
            "fence_failed_probes",
            "Probes of a leader that neither its Patroni nor its Postgres answered",
            &metrics.failed_probes,
        );
        add(
            "fence_suspicions",
            "Suspicions of a leader that were written",
            &metrics.suspicions,
        );
        add(
            "fence_depositions",
            "Leader keys that this agent has taken away",
            &metrics.depositions,
        );
        add(
            "fence_etcd_errors",
            "Times that no member of etcd answered",
            &metrics.etcd_errors,
        );
        metrics
    }
}
