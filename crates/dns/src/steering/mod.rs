//! Steering: which addresses of marked names are given out, by who of them lives.
//!
//! A probe an address asks its health path ([`probe`]); rise and fall make verdicts of what it
//! finds; the operator's word outranks them ([`operator`]). What follows for an answer is
//! decided by a pure function ([`choice`]) from the current [`Standings`]. Probes never run
//! at query time, and nothing is answered before each address has been probed once: the
//! first answer would find all of them down.

pub mod choice;
mod operator;
mod probe;
mod target;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use serde_json::Value;
use service::{Context, Registry};
use tokio::task::JoinSet;
use tracing::info;

use crate::config::SteeringConfig;
use crate::zone::{Node, Rrset, Rtype};
use choice::{Standing, Standings};
pub use operator::Word;
use probe::Prober;
use target::Target;

/// The addresses that are probed, and what is thought of them.
#[derive(Debug)]
pub struct Steering {
    targets: Vec<Target>,
    prober: Prober,
    standings: ArcSwap<Standings>,
    ttl_s: u32,
    /// Counts answers, for rotation.
    turn: AtomicU64,
    metrics: probe::Metrics,
}

impl Steering {
    /// Nothing is known yet: until it has been probed every address counts as alive.
    #[must_use]
    pub fn new(config: &SteeringConfig, registry: &mut Registry) -> Self {
        let targets: Vec<Target> = config.targets.iter().map(|t| Target::new(t, config)).collect();
        let steering = Self {
            prober: Prober::new(config),
            standings: ArcSwap::default(),
            ttl_s: config.ttl_s,
            turn: AtomicU64::new(0),
            metrics: probe::Metrics::register(registry),
            targets,
        };
        steering.settle();
        steering
    }

    /// Adds `/status` and the operator's actions.
    pub(crate) fn expose(self: &Arc<Self>, context: &mut Context) {
        let steering = self.clone();
        context.status("steering", move || steering.status());
        operator::register(context, self);
    }

    /// The set of `rtype` at a steered node as it is given out now; `None` when nothing of it is.
    #[must_use]
    pub fn choose(&self, node: &Node, rtype: Rtype) -> Option<Rrset> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        choice::choose(node, rtype, &self.standings.load(), self.ttl_s, turn)
    }

    /// Probes every address once, side by side; over when each probe's own deadline has passed.
    pub(crate) async fn first_round(self: &Arc<Self>) {
        let mut probes = JoinSet::new();
        for index in 0..self.targets.len() {
            let steering = self.clone();
            probes.spawn(async move { steering.probe(index).await });
        }
        // A probe that a fault of ours has ended is run again in its turn.
        while probes.join_next().await.is_some() {}
    }

    /// Probes until it is dropped.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut probes = JoinSet::new();
        for index in 0..self.targets.len() {
            let steering = self.clone();
            probes.spawn(async move {
                loop {
                    steering.prober.pause(&steering.targets[index]).await;
                    steering.probe(index).await;
                }
            });
        }
        while probes.join_next().await.is_some() {}
    }

    async fn probe(&self, index: usize) {
        let target = &self.targets[index];
        let outcome = self.prober.ask(target.probe).await;
        self.metrics.probed(target.address, outcome.is_ok());
        if let Some(change) = target.record(outcome) {
            info!(address = %target.address, probe = %target.probe, "{change}");
        }
        self.settle();
    }

    /// Takes the operator's word on an address; `None` when it is no target.
    pub(crate) fn say(&self, address: IpAddr, word: Word) -> Option<Value> {
        let target = self.targets.iter().find(|target| target.address == address)?;
        if target.say(word) {
            info!(%address, word = word.name(), "told by the operator");
        }
        self.settle();
        Some(target.status())
    }

    /// Makes the standings fit what is known of the targets.
    fn settle(&self) {
        let standing = |target: &Target| Standing {
            weight: target.weight,
            alive: target.is_alive(),
            refused: target.word() == Word::Down,
        };
        let standings = self.targets.iter().map(|t| (t.address, standing(t))).collect();
        for target in &self.targets {
            self.metrics.alive(target.address, target.is_alive());
        }
        self.standings.store(Arc::new(standings));
    }

    fn status(&self) -> Value {
        self.targets.iter().map(Target::status).collect()
    }
}
