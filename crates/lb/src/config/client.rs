//! What a client may do and how long it may take.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use service::ConfigError;

use super::within;

/// Limits and deadlines towards clients.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientConfig {
    /// Connections at once, over all workers. Near it some that are not at work
    /// make room for others, above it none is accepted.
    pub max_connections: usize,
    /// Connections at once from one address (IPv6: one /64), over all workers.
    /// Above it new ones are closed at once. 0: no limit.
    pub max_connections_per_address: usize,
    /// Requests at once, over all workers. Above: 503.
    pub max_requests: usize,
    /// A request's head, all of it, bytes. Above: 431.
    pub max_head_bytes: usize,
    /// A request's target, bytes. Above: 414.
    pub max_target_bytes: usize,
    /// Memory for heads whose end has not come yet, over all workers, bytes.
    /// Above: 503 for whoever asks for more.
    pub max_unfinished_heads_bytes: usize,
    /// From a head's first byte to its last, milliseconds. Above: 408.
    pub head_ms: u64,
    /// Between requests on a kept connection, milliseconds.
    pub idle_ms: u64,
    /// Between two pieces of a request's body, milliseconds. Above: 408.
    pub body_ms: u64,
    /// For a client to take any more of its answer, milliseconds. Above: cut.
    pub send_ms: u64,
    /// The least that a request's body moves at while the client is waited for,
    /// bytes a second. Below, after a grace: 408. 0: no least.
    pub min_body_bytes_per_second: u64,
    /// The least that an answer is taken at while the client is waited for, bytes a
    /// second. Below, after a grace: cut. 0: no least.
    pub min_send_bytes_per_second: u64,
    /// Without a byte in either direction of a tunnel, milliseconds. Above: closed.
    pub tunnel_idle_ms: u64,
    /// Proxies in front of the balancer whose X-Forwarded-* and X-Request-Id
    /// are believed, and whose connections are not counted by address.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            max_connections_per_address: 2000,
            max_requests: 50_000,
            max_head_bytes: 48 * 1024,
            max_target_bytes: 32 * 1024,
            max_unfinished_heads_bytes: 32 * 1024 * 1024,
            head_ms: 10_000,
            idle_ms: 60_000,
            body_ms: 15_000,
            send_ms: 30_000,
            min_body_bytes_per_second: 240,
            min_send_bytes_per_second: 240,
            tunnel_idle_ms: 3_600_000,
            trusted_proxies: Vec::new(),
        }
    }
}

impl ClientConfig {
    /// Whether a peer with this address is a proxy whose word is taken.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("client.max_connections", self.max_connections as u64, 1, 10_000_000)?;
        within("client.max_requests", self.max_requests as u64, 1, 10_000_000)?;
        within("client.max_head_bytes", self.max_head_bytes as u64, 1024, 256 * 1024)?;
        within("client.max_target_bytes", self.max_target_bytes as u64, 64, 65_000)?;
        within(
            "client.max_connections_per_address",
            self.max_connections_per_address as u64,
            0,
            10_000_000,
        )?;
        within(
            "client.max_unfinished_heads_bytes",
            self.max_unfinished_heads_bytes as u64,
            256 * 1024,
            1 << 40,
        )?;
        if self.max_target_bytes >= self.max_head_bytes {
            return Err(ConfigError::value(
                "client.max_target_bytes",
                format!("must be less than client.max_head_bytes ({})", self.max_head_bytes),
            ));
        }
        for (key, value) in [
            ("client.head_ms", self.head_ms),
            ("client.idle_ms", self.idle_ms),
            ("client.body_ms", self.body_ms),
            ("client.send_ms", self.send_ms),
        ] {
            within(key, value, 100, 3_600_000)?;
        }
        for (key, value) in [
            ("client.min_body_bytes_per_second", self.min_body_bytes_per_second),
            ("client.min_send_bytes_per_second", self.min_send_bytes_per_second),
        ] {
            within(key, value, 0, 1_000_000_000)?;
        }
        within("client.tunnel_idle_ms", self.tunnel_idle_ms, 100, 7 * 24 * 3_600_000)
    }
}
