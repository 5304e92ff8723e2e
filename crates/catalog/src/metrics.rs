//! Counters and gauges of the database, for whoever serves `/metrics`.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::NodeRole;
use crate::topology::Verdict;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfNode {
    node: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfNodeAndRole {
    node: String,
    role: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfNodeAndWhy {
    node: String,
    why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReason {
    reason: &'static str,
}

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    roles: Family<OfNodeAndRole, Gauge>,
    lag_ms: Family<OfNode, Gauge>,
    connections: Family<OfNode, Gauge>,
    reads: Family<OfNodeAndWhy, Counter<u64, AtomicU64>>,
    reads_failed: Counter<u64, AtomicU64>,
    fallbacks: Family<OfReason, Counter<u64, AtomicU64>>,
    writes: Family<OfOutcome, Counter<u64, AtomicU64>>,
    clicks: Family<OfOutcome, Counter<u64, AtomicU64>>,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("database");
        registry.register("node", "1 for the role that a node has now", self.roles.clone());
        registry.register(
            "replica_lag_ms",
            "How old what a replica shows is at most",
            self.lag_ms.clone(),
        );
        registry.register(
            "connections_in_use",
            "Connections that run a query",
            self.connections.clone(),
        );
        registry.register(
            "reads",
            "Reads answered by a node, and why it was asked",
            self.reads.clone(),
        );
        registry.register("reads_failed", "Reads that no node answered", self.reads_failed.clone());
        registry.register(
            "read_fallbacks",
            "Reads that went elsewhere: retried after a failure, or no replica kept up",
            self.fallbacks.clone(),
        );
        registry.register(
            "writes",
            "Writes by their outcome; `retried` counts attempts after the first",
            self.writes.clone(),
        );
        registry.register(
            "clicks",
            "Clicks that were collected to be written together, by what became of them",
            self.clicks.clone(),
        );
    }

    pub(crate) fn node(&self, name: &str, verdict: &Verdict, connections: u32) {
        for role in [NodeRole::Primary, NodeRole::Replica, NodeRole::Down] {
            let node = name.to_owned();
            let labels = OfNodeAndRole {
                node,
                role: role.as_str(),
            };
            self.roles.get_or_create(&labels).set(i64::from(role == verdict.role));
        }
        let of_node = OfNode { node: name.to_owned() };
        self.connections.get_or_create(&of_node).set(i64::from(connections));
        match verdict.lag {
            Some(lag) => drop(self.lag_ms.get_or_create(&of_node).set(lag.as_millis() as i64)),
            None => drop(self.lag_ms.remove(&of_node)),
        }
    }

    pub(crate) fn read(&self, node: &str, why: &'static str) {
        let node = node.to_owned();
        self.reads.get_or_create(&OfNodeAndWhy { node, why }).inc();
    }

    pub(crate) fn read_failed(&self) {
        self.reads_failed.inc();
    }

    pub(crate) fn fallback(&self, reason: &'static str) {
        self.fallbacks.get_or_create(&OfReason { reason }).inc();
    }

    pub(crate) fn write(&self, outcome: &'static str) {
        self.writes.get_or_create(&OfOutcome { outcome }).inc();
    }

    pub(crate) fn clicks(&self, outcome: &'static str, number: u64) {
        self.clicks.get_or_create(&OfOutcome { outcome }).inc_by(number);
    }
}
