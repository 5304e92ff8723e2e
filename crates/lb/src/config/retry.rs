//! How often and how much is retried.

use serde::Deserialize;
use service::ConfigError;

use super::within;

/// Retries of requests that failed on one server.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// Attempts for one request, the first included.
    pub attempts: u32,
    /// Once all servers have failed it: the pause before they are tried again,
    /// milliseconds; twice as long each time, up to eight times. 0: no more.
    pub backoff_ms: u64,
    /// Retries of requests that a server may have seen, as a share of all
    /// requests of the last ten seconds, percent.
    pub budget_percent: u32,
    /// Such retries that are always allowed, a second.
    pub budget_min_per_second: u32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff_ms: 25,
            budget_percent: 20,
            budget_min_per_second: 10,
        }
    }
}

impl RetryConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("retry.attempts", self.attempts.into(), 1, 8)?;
        within("retry.backoff_ms", self.backoff_ms, 0, 10_000)?;
        within("retry.budget_percent", self.budget_percent.into(), 0, 100)?;
        within(
            "retry.budget_min_per_second",
            self.budget_min_per_second.into(),
            0,
            100_000,
        )
    }
}
