//! The balancer's configuration, a file a concern. config/lb.toml explains
//! every key to an operator; the comments here say what the code relies on.

mod access_log;
mod balance;
mod check;
mod client;
mod concurrency;
mod errors;
mod hedge;
mod http2;
mod pool;
mod retry;
mod route;
mod server;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;
use service::{ConfigError, ServiceSettings};

pub use access_log::{AccessLogConfig, AccessLogFormat};
pub use balance::{Balance, HashKey, QueueConfig};
pub use check::{CheckConfig, StatusRange};
pub use client::ClientConfig;
pub use concurrency::{ConcurrencyConfig, ConcurrencyMode};
pub use errors::{ErrorPage, ErrorsConfig};
pub use hedge::HedgeConfig;
pub use http2::{FloodConfig, Http2Config};
pub use pool::{EjectionConfig, PoolConfig, Protocol, UpstreamConfig};
pub use retry::RetryConfig;
pub use route::{ErrorForm, RouteConfig};
pub use server::{ServerConfig, ServerSource};
pub use tls::{CertificateConfig, TlsConfig};

/// Everything the balancer can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The part all services share.
    pub service: ServiceSettings,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Whether every connection there begins with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Threads that serve, each with its own listener and its own connections
    /// to servers. 0: one a core. At most 256.
    pub workers: usize,
    /// After SIGTERM, how long new connections are still accepted so that name
    /// servers and probes notice, milliseconds. Shorter than the drain deadline.
    pub drain_notice_ms: u64,
    /// Whether `traceparent` is passed on if it is well-formed and a trace begun
    /// if not. Otherwise it is a header like any other.
    pub trace_context: bool,
    /// One line a request.
    pub access_log: AccessLogConfig,
    /// HTTPS.
    pub tls: TlsConfig,
    /// Limits and deadlines towards clients.
    pub client: ClientConfig,
    /// HTTP/2 from clients.
    pub http2: Http2Config,
    /// Retries of requests that failed on one server.
    pub retry: RetryConfig,
    /// Pages for errors of the balancer's own.
    pub errors: ErrorsConfig,
    /// Groups of equal servers.
    pub pools: Vec<PoolConfig>,
    /// Which host goes where.
    pub routes: Vec<RouteConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            service: ServiceSettings::default(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            proxy_protocol: false,
            workers: 0,
            drain_notice_ms: 500,
            trace_context: true,
            access_log: AccessLogConfig::default(),
            tls: TlsConfig::default(),
            client: ClientConfig::default(),
            http2: Http2Config::default(),
            retry: RetryConfig::default(),
            errors: ErrorsConfig::default(),
            pools: vec![PoolConfig::default()],
            routes: route::defaults(),
        }
    }
}

impl Config {
    /// The number of workers, with 0 resolved to the number of cores.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        }
    }
}

impl service::Config for Config {
    fn service(&self) -> &ServiceSettings {
        &self.service
    }

    fn check(&self) -> Result<(), ConfigError> {
        within("workers", self.workers as u64, 0, 256)?;
        within("drain_notice_ms", self.drain_notice_ms, 0, 600_000)?;
        if self.drain_notice_ms > self.service.drain_deadline_ms {
            return Err(ConfigError::value(
                "drain_notice_ms",
                format!(
                    "{} is longer than service.drain_deadline_ms ({}), which counts from the same moment",
                    self.drain_notice_ms, self.service.drain_deadline_ms
                ),
            ));
        }
        self.access_log.check()?;
        self.tls.check(self.listen)?;
        self.client.check()?;
        self.http2.check()?;
        self.retry.check()?;
        self.errors.check()?;
        pool::check(&self.pools)?;
        route::check(&self.routes, &self.pools)
    }
}

/// Refuses a number outside its range, naming the key.
fn within(key: impl Into<String>, value: u64, low: u64, high: u64) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::value(
        key,
        format!("{value} is out of range: {low} to {high} is allowed"),
    ))
}
