//! The `[service]` table, the part of every configuration that is alike.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{ConfigError, LogFormat};

/// A service's whole configuration.
pub trait Config: DeserializeOwned + Send + 'static {
    /// The `[service]` table.
    fn service(&self) -> &ServiceSettings;

    /// Checks what types cannot express: ranges, references between keys, and
    /// that every named file can be read.
    ///
    /// # Errors
    /// The first value that cannot be used, naming its key.
    fn check(&self) -> Result<(), ConfigError>;
}

/// Settings that all services share.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceSettings {
    /// Where `/live`, `/ready`, `/metrics` and `/status` answer. Never publish
    /// it: it tells a stranger how the stack is built.
    pub admin_listen: SocketAddr,
    /// Form of the log on standard error.
    pub log_format: LogFormat,
    /// What is logged, in the syntax of `RUST_LOG`. `None` is the service's own
    /// default, [`crate::Service::DEFAULT_LOG_FILTER`].
    pub log_filter: Option<String>,
    /// How long a drain may take after SIGTERM, milliseconds, 0 to 600 000.
    /// What is still in flight then is cut.
    pub drain_deadline_ms: u64,
    /// How long a successor may take to become ready after SIGUSR2, milliseconds,
    /// 100 to 600 000. Only for a service that can be handed over.
    pub handover_deadline_ms: u64,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            admin_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            log_format: LogFormat::Human,
            log_filter: None,
            drain_deadline_ms: 10_000,
            handover_deadline_ms: 30_000,
        }
    }
}

impl ServiceSettings {
    /// The drain deadline as a duration.
    #[must_use]
    pub fn drain_deadline(&self) -> Duration {
        Duration::from_millis(self.drain_deadline_ms)
    }

    /// The deadline of a handover as a duration.
    #[must_use]
    pub fn handover_deadline(&self) -> Duration {
        Duration::from_millis(self.handover_deadline_ms)
    }

    /// Checks the ranges of this table.
    ///
    /// # Errors
    /// The first value out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.drain_deadline_ms > 600_000 {
            return Err(ConfigError::value(
                "service.drain_deadline_ms",
                format!("{} is more than 600000 (ten minutes)", self.drain_deadline_ms),
            ));
        }
        if !(100..=600_000).contains(&self.handover_deadline_ms) {
            return Err(ConfigError::value(
                "service.handover_deadline_ms",
                format!("{} is not from 100 to 600000 (ten minutes)", self.handover_deadline_ms),
            ));
        }
        if let Some(filter) = &self.log_filter
            && let Err(error) = tracing_subscriber::EnvFilter::try_new(filter)
        {
            return Err(ConfigError::value("service.log_filter", error.to_string()));
        }
        Ok(())
    }
}
