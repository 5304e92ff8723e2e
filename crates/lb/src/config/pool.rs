//! Pools: groups of servers that answer alike, how they are found, checked and
//! waited for.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use health::{OutlierRules, Thresholds};
use serde::Deserialize;
use service::ConfigError;

use super::{ConcurrencyConfig, HedgeConfig, within};

/// A group of servers of which any may answer any request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolConfig {
    /// What routes call it.
    pub name: String,
    /// Addresses (`10.0.0.1:8000`) or names (`dns:app:8000`) whose every
    /// address is a server.
    pub servers: Vec<ServerSource>,
    /// What they speak.
    pub protocol: Protocol,
    /// How often names are looked up, milliseconds.
    pub discovery_interval_ms: u64,
    /// Probes.
    pub check: CheckConfig,
    /// Ejection by live traffic.
    pub ejection: EjectionConfig,
    /// Second attempts beside a first one that takes long.
    pub hedge: HedgeConfig,
    /// Requests at once.
    pub concurrency: ConcurrencyConfig,
    /// Connections to the servers and deadlines on them.
    pub upstream: UpstreamConfig,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            name: "app".into(),
            servers: vec![ServerSource::Address(SocketAddr::from(([127, 0, 0, 1], 8000)))],
            protocol: Protocol::Http1,
            discovery_interval_ms: 1000,
            check: CheckConfig::default(),
            ejection: EjectionConfig::default(),
            hedge: HedgeConfig::default(),
            concurrency: ConcurrencyConfig::default(),
            upstream: UpstreamConfig::default(),
        }
    }
}

/// What servers speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, known beforehand.
    H2,
}

/// Where servers come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum ServerSource {
    /// One server that does not move.
    Address(SocketAddr),
    /// A name, looked up again and again; each of its addresses is a server.
    Dns {
        /// The name, as the system's resolver understands it.
        name: String,
        /// The port on each address.
        port: u16,
    },
}

impl TryFrom<String> for ServerSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("dns:") {
            return match rest.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
                Some((name, Ok(port))) if !name.is_empty() && port > 0 => Ok(Self::Dns {
                    name: name.to_owned(),
                    port,
                }),
                _ => Err(format!("`{text}` is not of the form dns:NAME:PORT")),
            };
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() > 0 => Ok(Self::Address(address)),
            _ => Err(format!(
                "`{text}` is neither ADDRESS:PORT (10.0.0.1:8000, [fd00::1]:8000) nor dns:NAME:PORT"
            )),
        }
    }
}

/// Probes: `GET path` on a connection of its own; 2xx passes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckConfig {
    /// Path asked for.
    pub path: String,
    /// Between two probes of one server, milliseconds, spread by a tenth. A
    /// quarter of it while the last result speaks against the verdict.
    pub interval_ms: u64,
    /// For connecting and answering together, milliseconds.
    pub timeout_ms: u64,
    /// Passed probes in a row that bring a server back.
    pub rise: u32,
    /// Failed probes in a row that take it out.
    pub fall: u32,
}

impl Default for CheckConfig {
    fn default() -> Self {
        Self {
            path: "/healthz".into(),
            interval_ms: 1000,
            timeout_ms: 1000,
            rise: 2,
            fall: 2,
        }
    }
}

impl CheckConfig {
    /// The thresholds in the health crate's form.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        Thresholds {
            rise: self.rise,
            fall: self.fall,
        }
    }
}

/// Ejection of a server that fails live traffic.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EjectionConfig {
    /// Failed requests in a row that eject; 0 switches ejection off.
    pub failures: u32,
    /// Length of a first ejection, milliseconds; doubles each time.
    pub base_ms: u64,
    /// Length of the longest, milliseconds.
    pub longest_ms: u64,
    /// Share of the pool that may be ejected at once, percent. One server of
    /// two or more may always be, the last one never.
    pub max_percent: u8,
}

impl Default for EjectionConfig {
    fn default() -> Self {
        Self {
            failures: 3,
            base_ms: 5000,
            longest_ms: 60_000,
            max_percent: 50,
        }
    }
}

impl EjectionConfig {
    /// The rules in the health crate's form.
    #[must_use]
    pub fn rules(&self) -> OutlierRules {
        OutlierRules {
            failures: self.failures,
            base: Duration::from_millis(self.base_ms),
            longest: Duration::from_millis(self.longest_ms),
        }
    }
}

/// Connections to servers and deadlines on them.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamConfig {
    /// For a TCP connection to be made, milliseconds.
    pub connect_ms: u64,
    /// From a request's last byte to its answer's head, milliseconds.
    pub first_byte_ms: u64,
    /// Between two pieces of an answer's body, milliseconds.
    pub between_bytes_ms: u64,
    /// For the server's system to acknowledge what was sent, milliseconds.
    /// Tells a machine that is gone from one that is slow.
    pub unacknowledged_ms: u64,
    /// Idle connections kept, per server and worker.
    pub max_idle: usize,
    /// How long they are kept, milliseconds. Keep it below the servers' own
    /// keep-alive time, or they will hang up on requests under way.
    pub idle_ms: u64,
    /// An answer's head, bytes.
    pub max_head_bytes: usize,
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            connect_ms: 1000,
            first_byte_ms: 30_000,
            between_bytes_ms: 60_000,
            unacknowledged_ms: 5000,
            max_idle: 128,
            idle_ms: 4000,
            max_head_bytes: 64 * 1024,
        }
    }
}

pub(super) fn check(pools: &[PoolConfig]) -> Result<(), ConfigError> {
    if pools.is_empty() {
        return Err(ConfigError::value("pools", "is empty: there must be one pool at least"));
    }
    let mut names = BTreeSet::new();
    for (index, pool) in pools.iter().enumerate() {
        let key = |rest: &str| format!("pools[{index}].{rest}");
        if pool.name.is_empty() || !names.insert(&pool.name) {
            let message = format!("`{}` is empty or the name of two pools", pool.name);
            return Err(ConfigError::value(key("name"), message));
        }
        if pool.servers.is_empty() {
            return Err(ConfigError::value(
                key("servers"),
                "is empty: a pool needs a server or a name",
            ));
        }
        let mut seen = BTreeSet::new();
        for (position, server) in pool.servers.iter().enumerate() {
            if !seen.insert(server) {
                return Err(ConfigError::value(
                    key(&format!("servers[{position}]")),
                    "is listed twice",
                ));
            }
        }
        within(key("discovery_interval_ms"), pool.discovery_interval_ms, 50, 3_600_000)?;
        check_one(pool, key)?;
    }
    Ok(())
}

fn check_one(pool: &PoolConfig, key: impl Fn(&str) -> String) -> Result<(), ConfigError> {
    let check = &pool.check;
    let printable = |byte: u8| byte.is_ascii_graphic();
    if !check.path.starts_with('/') || !check.path.bytes().all(printable) {
        return Err(ConfigError::value(
            key("check.path"),
            format!("`{}` is no path: it must start with / and hold no blank", check.path),
        ));
    }
    within(key("check.interval_ms"), check.interval_ms, 20, 3_600_000)?;
    within(key("check.timeout_ms"), check.timeout_ms, 10, 60_000)?;
    within(key("check.rise"), check.rise.into(), 1, 100)?;
    within(key("check.fall"), check.fall.into(), 1, 100)?;

    let ejection = &pool.ejection;
    within(key("ejection.failures"), ejection.failures.into(), 0, 1000)?;
    within(key("ejection.base_ms"), ejection.base_ms, 10, 3_600_000)?;
    within(
        key("ejection.longest_ms"),
        ejection.longest_ms,
        ejection.base_ms,
        24 * 3_600_000,
    )?;
    within(key("ejection.max_percent"), ejection.max_percent.into(), 0, 100)?;

    pool.hedge.check(&key)?;
    pool.concurrency.check(&key)?;

    let upstream = &pool.upstream;
    within(key("upstream.connect_ms"), upstream.connect_ms, 10, 60_000)?;
    within(key("upstream.first_byte_ms"), upstream.first_byte_ms, 10, 3_600_000)?;
    within(
        key("upstream.between_bytes_ms"),
        upstream.between_bytes_ms,
        10,
        24 * 3_600_000,
    )?;
    within(
        key("upstream.unacknowledged_ms"),
        upstream.unacknowledged_ms,
        100,
        3_600_000,
    )?;
    within(key("upstream.max_idle"), upstream.max_idle as u64, 0, 100_000)?;
    within(key("upstream.idle_ms"), upstream.idle_ms, 10, 3_600_000)?;
    within(
        key("upstream.max_head_bytes"),
        upstream.max_head_bytes as u64,
        8192,
        1024 * 1024,
    )
}
