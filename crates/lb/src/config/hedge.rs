//! A second attempt beside a first one that takes long.

use serde::Deserialize;
use service::ConfigError;

use super::within;

/// Hedging of a pool's GET and HEAD requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HedgeConfig {
    /// Whether there is any.
    pub enabled: bool,
    /// Percent of the requests that are answered before a second attempt.
    pub percentile: u32,
    /// The first attempt has at least so long, milliseconds.
    pub min_ms: u64,
    /// Second attempts, as a share of the requests of the last ten seconds,
    /// percent.
    pub max_percent: u32,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            percentile: 95,
            min_ms: 10,
            max_percent: 10,
        }
    }
}

impl HedgeConfig {
    pub(super) fn check(&self, key: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        within(key("hedge.percentile"), self.percentile.into(), 50, 99)?;
        within(key("hedge.min_ms"), self.min_ms, 1, 60_000)?;
        within(key("hedge.max_percent"), self.max_percent.into(), 1, 100)
    }
}
