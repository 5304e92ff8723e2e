//! The configuration of both programs, as it is written. `config/fence.toml` explains every key.

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;
use service::{ConfigError, ServiceSettings};

/// The whole configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// This node's name in Patroni.
    pub name: String,
    /// Patroni's `scope`.
    pub scope: String,
    /// Patroni's `namespace`, with a slash at both ends.
    pub namespace: String,
    /// How etcd is reached.
    pub etcd: EtcdConfig,
    /// When a leader is suspected.
    pub probe: ProbeConfig,
    /// The Postgres beside us.
    pub postgres: PostgresConfig,
    /// How long a promotion may wait.
    pub promotion: PromotionConfig,
    /// What all services have.
    pub service: ServiceSettings,
}

/// How etcd is reached.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EtcdConfig {
    /// Its members, `http://host:port`.
    pub endpoints: Vec<String>,
    /// For one attempt with one member, milliseconds, 50 to 10 000.
    pub timeout_ms: u64,
}

/// When a leader is suspected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeConfig {
    /// Between two probes, milliseconds, 50 to 10 000.
    pub interval_ms: u64,
    /// How long a probe waits, milliseconds, 50 to 10 000.
    pub timeout_ms: u64,
    /// Failed probes in a row that make a leader suspect, 2 to 100.
    pub fall: u32,
}

/// The Postgres beside us.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PostgresConfig {
    /// Folder of its socket.
    pub socket: PathBuf,
    /// Its port, which names the socket.
    pub port: u16,
    /// A role that may see all of `pg_stat_replication`; peer authentication.
    pub user: String,
}

/// How long a promotion may wait.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PromotionConfig {
    /// For the other nodes to follow the candidate, milliseconds, 1000 to 600 000.
    pub deadline_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: String::new(),
            scope: "radiodeck".into(),
            namespace: "/service/".into(),
            etcd: EtcdConfig::default(),
            probe: ProbeConfig::default(),
            postgres: PostgresConfig::default(),
            promotion: PromotionConfig::default(),
            service: ServiceSettings::default(),
        }
    }
}

impl Default for EtcdConfig {
    fn default() -> Self {
        Self {
            endpoints: vec!["http://127.0.0.1:2379".into()],
            timeout_ms: 500,
        }
    }
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            interval_ms: 250,
            timeout_ms: 250,
            fall: 4,
        }
    }
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            socket: "/var/run/postgresql".into(),
            port: 5432,
            user: "postgres".into(),
        }
    }
}

impl Default for PromotionConfig {
    fn default() -> Self {
        Self { deadline_ms: 30_000 }
    }
}

impl Config {
    /// The folder of Patroni's keys.
    pub(crate) fn patroni_folder(&self) -> String {
        format!("{}{}/", self.namespace, self.scope)
    }

    /// The folder of suspicions. Not within Patroni's, whose watchers it would wake.
    pub(crate) fn suspicion_folder(&self) -> String {
        format!("/radiodeck/suspicions/{}/", self.scope)
    }

    pub(crate) fn endpoints(&self) -> Result<Vec<Uri>, ConfigError> {
        let endpoints = self.etcd.endpoints.iter().enumerate().map(|(index, text)| {
            let uri: Option<Uri> = text.parse().ok();
            uri.filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some())
                .ok_or_else(|| {
                    ConfigError::value(
                        format!("etcd.endpoints[{index}]"),
                        format!("{text:?} is not http://host:port"),
                    )
                })
        });
        endpoints.collect()
    }
}

impl service::Config for Config {
    fn service(&self) -> &ServiceSettings {
        &self.service
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (key, value) in [("name", &self.name), ("scope", &self.scope)] {
            if value.is_empty() || value.contains(['/', ',']) {
                return Err(ConfigError::value(key, format!("{value:?} is not a name in Patroni")));
            }
        }
        if !(self.namespace.starts_with('/') && self.namespace.ends_with('/')) {
            return Err(ConfigError::value("namespace", "needs a slash at both ends"));
        }
        if self.endpoints()?.is_empty() {
            return Err(ConfigError::value("etcd.endpoints", "is empty"));
        }
        for (key, value, least, most) in [
            ("etcd.timeout_ms", self.etcd.timeout_ms, 50, 10_000),
            ("probe.interval_ms", self.probe.interval_ms, 50, 10_000),
            ("probe.timeout_ms", self.probe.timeout_ms, 50, 10_000),
            ("probe.fall", u64::from(self.probe.fall), 2, 100),
            ("promotion.deadline_ms", self.promotion.deadline_ms, 1000, 600_000),
        ] {
            if !(least..=most).contains(&value) {
                return Err(ConfigError::value(
                    key,
                    format!("{value} is not from {least} to {most}"),
                ));
            }
        }
        self.service.check()
    }
}

impl EtcdConfig {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use service::Config as _;

    use super::*;

    #[test]
    fn the_manual_holds_the_defaults() {
        let manual: Config = service::load(Some("../../config/fence.toml".as_ref()), "NONE", []).expect("a manual");
        manual.check().expect("a configuration that can be used");
        let defaults = Config {
            name: "pg-1".into(),
            ..Config::default()
        };
        assert_eq!(format!("{manual:?}"), format!("{defaults:?}"));
    }

    #[test]
    fn a_bad_value_is_named() {
        let config = Config {
            name: "pg-1".into(),
            etcd: EtcdConfig {
                endpoints: vec!["etcd-1".into()],
                ..EtcdConfig::default()
            },
            ..Config::default()
        };
        let error = config.check().expect_err("no scheme").to_string();
        assert!(error.contains("etcd.endpoints[0]"), "{error}");
    }
}
