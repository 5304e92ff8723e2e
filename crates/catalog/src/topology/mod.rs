//! What each node is now, observed and never configured: who is the primary, which replicas keep up.
//!
//! A [`monitor`] a node takes samples; the [`book`] turns them into verdicts and is pure; a [`node`] holds the
//! connections and drops them when the verdict says so. Readers take the latest [`View`] without waiting.

mod book;
mod lag;
mod monitor;
mod node;
mod sample;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::DatabaseConfig;
use crate::metrics::Metrics;
use crate::{NodeRole, NodeStatus};
use book::Book;
pub(crate) use book::Verdict;
pub(crate) use node::{Node, Pools};
pub(crate) use sample::Sample;

/// Every node as last judged.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) nodes: Vec<Verdict>,
    /// The cluster that is ours, once that is settled.
    pub(crate) system: Option<i64>,
    /// The highest timeline seen in it.
    pub(crate) timeline: i32,
    pub(crate) primary: Option<usize>,
    /// Replicas that are known to keep up.
    pub(crate) fresh: Vec<usize>,
    /// Replicas that do not, or of which it is not known.
    pub(crate) late: Vec<usize>,
}

impl View {
    /// Nodes in use, with what they last said.
    pub(crate) fn in_use(&self) -> impl Iterator<Item = (usize, &Sample)> {
        self.nodes.iter().enumerate().filter_map(|(index, verdict)| {
            let sample = verdict.sample.as_ref()?;
            (verdict.role != NodeRole::Down).then_some((index, sample))
        })
    }
}

pub(crate) struct Topology {
    pub(crate) nodes: Vec<Arc<Node>>,
    book: Mutex<Book>,
    view: ArcSwap<View>,
    /// Counts the views, and wakes who waits for another one.
    changes: watch::Sender<u64>,
    seen: watch::Sender<bool>,
    metrics: Arc<Metrics>,
}

impl Topology {
    /// Begins to watch, until `stop`.
    pub(crate) fn start(
        config: &DatabaseConfig,
        password: &str,
        metrics: Arc<Metrics>,
        stop: &CancellationToken,
    ) -> Arc<Self> {
        let nodes: Vec<_> = config
            .nodes
            .iter()
            .map(|node| Arc::new(Node::new(config, node, password)))
            .collect();
        let book = Book::new(nodes.len());
        let topology = Arc::new(Self {
            view: ArcSwap::from_pointee(book.view(Instant::now())),
            book: Mutex::new(book),
            nodes,
            changes: watch::Sender::new(0),
            seen: watch::Sender::new(false),
            metrics,
        });
        for index in 0..topology.nodes.len() {
            tokio::spawn(monitor::watch(topology.clone(), index, stop.clone()));
        }
        topology
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Wakes at each change from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) async fn seen(&self) {
        // The sender lives as long as we do.
        let _ = self.seen.subscribe().wait_for(|seen| *seen).await;
    }

    pub(crate) fn statuses(&self) -> Vec<NodeStatus> {
        let view = self.view();
        let pairs = self.nodes.iter().zip(&view.nodes);
        pairs.map(|(node, verdict)| verdict.status(&node.name)).collect()
    }

    /// Enters what a monitor saw. Gives whether the node is (still) in use.
    fn enter(&self, index: usize, outcome: Result<Sample, String>) -> bool {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.enter(index, outcome, Instant::now());
        let view = book.view(Instant::now());
        let before = self.view.load_full();
        for (node, verdict) in self.nodes.iter().zip(&view.nodes) {
            node.follow(verdict);
        }
        self.report(&before, &view);
        let in_use = view.nodes[index].role != NodeRole::Down;
        let any_in_use = view.nodes.iter().any(|verdict| verdict.role != NodeRole::Down);
        let changed = before.primary != view.primary
            || before.timeline != view.timeline
            || before.fresh != view.fresh
            || before.late != view.late;
        self.view.store(Arc::new(view));
        drop(book);
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
        if any_in_use {
            self.seen.send_if_modified(|seen| !std::mem::replace(seen, true));
        }
        in_use
    }

    fn report(&self, before: &View, now: &View) {
        for ((node, was), is) in self.nodes.iter().zip(&before.nodes).zip(&now.nodes) {
            self.metrics.node(&node.name, is, node.connections());
            if was.role != is.role {
                let (role, reason) = (is.role.as_str(), is.reason.as_deref().unwrap_or_default());
                match is.role {
                    NodeRole::Down => tracing::warn!(node = node.name, role, reason, "database node is not used"),
                    NodeRole::Primary | NodeRole::Replica => {
                        tracing::info!(node = node.name, role, "database node is used");
                    }
                }
            } else if was.reason != is.reason && is.role == NodeRole::Down {
                let reason = is.reason.as_deref().unwrap_or_default();
                // Once for each reason: a wrong password says so, and says it again only after something else.
                tracing::info!(node = node.name, reason, "database node is not used");
            }
        }
        if !before.fresh.is_empty() && now.fresh.is_empty() {
            tracing::warn!("no replica keeps up: reads fall back to the primary or to late replicas");
        }
    }

    /// Gives every node up. Queries that run go on until `drained`.
    pub(crate) async fn drained(&self) {
        for node in &self.nodes {
            node.drained().await;
        }
    }
}
