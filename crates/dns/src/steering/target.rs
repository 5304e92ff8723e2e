//! An address that is probed, and what is known of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use health::{Health, Standing, Thresholds, Transition};
use serde_json::{Value, json};

use super::operator::Word;
use crate::config::{SteeringConfig, TargetConfig};

/// An address and its verdict.
#[derive(Debug)]
pub(super) struct Target {
    /// As the zone files have it.
    pub(super) address: IpAddr,
    /// Where it is asked how it is.
    pub(super) probe: SocketAddr,
    pub(super) weight: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    health: Health,
    word: Word,
    /// Why the last probe failed.
    failure: Option<String>,
    /// When the verdict last changed.
    since: Instant,
}

impl Target {
    pub(super) fn new(target: &TargetConfig, config: &SteeringConfig) -> Self {
        let thresholds = Thresholds {
            rise: config.rise,
            fall: config.fall,
        };
        Self {
            address: target.address,
            probe: target.probe,
            weight: target.weight,
            state: Mutex::new(State {
                health: Health::new(thresholds),
                word: Word::Auto,
                failure: None,
                since: Instant::now(),
            }),
        }
    }

    /// Takes in a probe; tells a change of the verdict for the log.
    pub(super) fn record(&self, outcome: Result<(), String>) -> Option<String> {
        let mut state = self.state();
        let transition = state.health.record(outcome.is_ok());
        state.failure = outcome.err();
        let transition = transition?;
        state.since = Instant::now();
        Some(match transition {
            Transition::CameUp => "address is up".into(),
            Transition::WentDown => {
                format!(
                    "address is down: {}",
                    state.failure.as_deref().unwrap_or("its probe failed")
                )
            }
        })
    }

    /// Whether it works: the operator knows best, then the probe. One that was never probed is
    /// taken to work.
    pub(super) fn is_alive(&self) -> bool {
        let state = self.state();
        match state.word {
            Word::Up => true,
            Word::Down => false,
            Word::Auto => state.health.standing() != Standing::Down,
        }
    }

    /// Whether the last probe spoke against the verdict.
    pub(super) fn is_wavering(&self) -> bool {
        self.state().health.is_wavering()
    }

    pub(super) fn word(&self) -> Word {
        self.state().word
    }

    /// Tells whether that was news.
    pub(super) fn say(&self, word: Word) -> bool {
        std::mem::replace(&mut self.state().word, word) != word
    }

    pub(super) fn status(&self) -> Value {
        let state = self.state();
        let probed = match state.health.standing() {
            Standing::Unknown => "unknown",
            Standing::Up => "up",
            Standing::Down => "down",
        };
        json!({
            "address": self.address,
            "probe": self.probe,
            "weight": self.weight,
            "probed": probed,
            "probed_for_ms": state.since.elapsed().as_millis() as u64,
            "last_failure": state.failure,
            "operator": state.word.name(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
