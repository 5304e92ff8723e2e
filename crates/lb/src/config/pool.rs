//! Pools: groups of servers that answer alike, how they are found, checked and
//! waited for.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use health::{OutlierRules, RatioRules, SlowStart};
use serde::Deserialize;
use service::ConfigError;

use super::balance::{Balance, HashKey, QueueConfig};
use super::check::CheckConfig;
use super::server::{ServerConfig, ServerSource};
use super::{ConcurrencyConfig, HedgeConfig, within};

/// Heaviest server.
const MAX_WEIGHT: u64 = 256;

/// A group of servers of which any may answer any request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolConfig {
    /// What routes call it.
    pub name: String,
    /// Addresses (`10.0.0.1:8000`) or names (`dns:app:8000`) whose every
    /// address is a server.
    pub servers: Vec<ServerConfig>,
    /// What they speak.
    pub protocol: Protocol,
    /// How often names are looked up, milliseconds.
    pub discovery_interval_ms: u64,
    /// How requests are spread.
    pub balance: Balance,
    /// What the consistent hash goes by.
    pub hash_key: Option<HashKey>,
    /// How long the share of a server that comes back grows, milliseconds.
    pub slow_start_ms: u64,
    /// Requests in flight at once on each server, over all workers. 0: no limit.
    pub max_requests: usize,
    /// Where requests wait when every server is at that limit.
    pub queue: QueueConfig,
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
            servers: vec![ServerSource::Address(SocketAddr::from(([127, 0, 0, 1], 8000))).into()],
            protocol: Protocol::Http1,
            discovery_interval_ms: 1000,
            balance: Balance::default(),
            hash_key: None,
            slow_start_ms: 0,
            max_requests: 0,
            queue: QueueConfig::default(),
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

impl PoolConfig {
    /// The growth of a share in the health crate's form.
    #[must_use]
    pub fn slow_start(&self) -> SlowStart {
        SlowStart {
            length: Duration::from_millis(self.slow_start_ms),
        }
    }
}

/// Ejection of a server that fails live traffic.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EjectionConfig {
    /// Failed requests in a row that eject; 0 switches ejection off.
    pub failures: u32,
    /// 5xx answers and failed requests, in percent of all within the window, that
    /// eject a server which does much worse than the others; 0 switches it off.
    pub error_percent: u8,
    /// The window, milliseconds.
    pub error_window_ms: u64,
    /// Requests within it that such a verdict needs.
    pub error_min_requests: u64,
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
            error_percent: 0,
            error_window_ms: 10_000,
            error_min_requests: 50,
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

    /// The rules on errors in the health crate's form.
    #[must_use]
    pub fn ratio(&self) -> RatioRules {
        RatioRules {
            percent: self.error_percent,
            min_requests: self.error_min_requests,
            window: Duration::from_millis(self.error_window_ms),
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
    /// From a request's head to its answer's last byte, milliseconds. 0: no limit.
    pub request_ms: u64,
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
            request_ms: 0,
            unacknowledged_ms: 5000,
            max_idle: 1024,
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
            let key = key(&format!("servers[{position}]"));
            if !seen.insert(&server.address) {
                return Err(ConfigError::value(key, "is listed twice"));
            }
            let key = format!("{key}.weight");
            within(key.as_str(), server.weight.into(), 1, MAX_WEIGHT)?;
            if server.weight > 1 && pool.balance == Balance::RoundRobin {
                let message = "is not heeded by round_robin: balance by weighted_round_robin, or leave it out";
                return Err(ConfigError::value(key, message));
            }
        }
        if pool.hash_key.is_some() != (pool.balance == Balance::Hash) {
            let message = "belongs to `balance = \"hash\"`: it takes both or neither";
            return Err(ConfigError::value(key("hash_key"), message));
        }
        within(key("discovery_interval_ms"), pool.discovery_interval_ms, 50, 3_600_000)?;
        check_one(pool, key)?;
    }
    Ok(())
}

fn check_one(pool: &PoolConfig, key: impl Fn(&str) -> String) -> Result<(), ConfigError> {
    pool.check.check(&key)?;
    pool.queue.check(&key)?;
    within(key("slow_start_ms"), pool.slow_start_ms, 0, 3_600_000)?;
    within(key("max_requests"), pool.max_requests as u64, 0, 1_000_000)?;

    let ejection = &pool.ejection;
    within(key("ejection.failures"), ejection.failures.into(), 0, 1000)?;
    within(key("ejection.error_percent"), ejection.error_percent.into(), 0, 100)?;
    within(
        key("ejection.error_window_ms"),
        ejection.error_window_ms,
        1000,
        3_600_000,
    )?;
    within(
        key("ejection.error_min_requests"),
        ejection.error_min_requests,
        2,
        1_000_000,
    )?;
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
    within(key("upstream.request_ms"), upstream.request_ms, 0, 24 * 3_600_000)?;
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
