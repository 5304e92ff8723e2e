//! How many requests a pool may have at once.

use std::time::Duration;

use health::ConcurrencyRules;
use serde::Deserialize;
use service::ConfigError;

use super::within;

/// The limit of a pool. It counts requests whose answer has not begun, over all
/// workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConcurrencyConfig {
    /// Whether there is one.
    pub mode: ConcurrencyMode,
    /// It is never lower.
    pub min: usize,
    /// It is never higher, and begins here.
    pub max: usize,
    /// Answers that take so many times as long as usual lower it, percent ...
    pub tolerance_percent: u32,
    /// ... if they take longer than this as well, milliseconds.
    pub unhurried_ms: u64,
}

/// Whether a pool has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConcurrencyMode {
    /// None.
    Off,
    /// One that follows how long answers take.
    Adaptive,
}

impl Default for ConcurrencyConfig {
    fn default() -> Self {
        Self {
            mode: ConcurrencyMode::Adaptive,
            min: 1000,
            max: 20_000,
            tolerance_percent: 300,
            unhurried_ms: 1000,
        }
    }
}

impl ConcurrencyConfig {
    /// The rules in the health crate's form, unless there is no limit.
    #[must_use]
    pub fn rules(&self) -> Option<ConcurrencyRules> {
        match self.mode {
            ConcurrencyMode::Off => None,
            ConcurrencyMode::Adaptive => Some(ConcurrencyRules {
                lowest: self.min,
                highest: self.max,
                tolerance: f64::from(self.tolerance_percent) / 100.0,
                unhurried: Duration::from_millis(self.unhurried_ms),
            }),
        }
    }

    pub(super) fn check(&self, key: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        within(key("concurrency.min"), self.min as u64, 1, 1_000_000)?;
        within(key("concurrency.max"), self.max as u64, self.min as u64, 1_000_000)?;
        within(
            key("concurrency.tolerance_percent"),
            self.tolerance_percent.into(),
            110,
            10_000,
        )?;
        within(key("concurrency.unhurried_ms"), self.unhurried_ms, 0, 3_600_000)
    }
}
