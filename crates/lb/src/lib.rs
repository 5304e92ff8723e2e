//! Radiodeck's HTTP load balancer.
//!
//! The way of a request: [`worker`] accepts, [`connection`] speaks TLS if the
//! listener says so ([`tls`] has the certificates) and lets hyper speak HTTP while
//! [`request::framing`] looks on, [`handle`] routes, [`forward`] takes a place
//! ([`queue`]) on a server of the [`pool`], whose turn it is by [`balance`], sends
//! it there over a kept connection ([`upstream`]), and again elsewhere if that
//! fails and [`retry`] allows it. What is too much is refused before that
//! ([`overload`]). Beside that, on the main runtime: [`pool::discovery`] finds
//! servers, [`check`] asks how they are, and [`operator`] takes them out and puts
//! them back by hand.
//!
//! Facts that everything relies on:
//! - A worker is one thread. What is used within a request is not shared.
//! - A request and the connection to its server are driven by one task.
//! - Nothing has a timer of its own; see [`watch`]. Only the pause after all
//!   servers have failed a request and the delay of [`hedge`], if that is on, do.
//! - Answers and bodies are streamed, never collected.
//!
//! Never here: anything that knows stations, databases or DNS records.

mod access_log;
mod addresses;
mod balance;
mod balancer;
mod check;
mod config;
mod connection;
mod drain;
mod forward;
mod gather;
mod handle;
mod hedge;
mod metrics;
mod operator;
mod outgoing;
mod overload;
mod plan;
mod pool;
mod problem;
mod queue;
mod request;
mod respond;
mod retry;
mod route;
mod shared;
mod status;
mod threads;
mod times;
mod tls;
mod trace;
mod tunnel;
mod upstream;
mod watch;
mod worker;

pub use balancer::LoadBalancer;
pub use config::{
    AccessLogConfig, AccessLogFormat, Balance, CertificateConfig, CheckConfig, ClientConfig, ConcurrencyConfig,
    ConcurrencyMode, Config, EjectionConfig, ErrorForm, ErrorPage, ErrorsConfig, FloodConfig, HashKey, HedgeConfig,
    Http2Config, PoolConfig, Protocol, QueueConfig, RetryConfig, RouteConfig, ServerConfig, ServerSource, StatusRange,
    TlsConfig, UpstreamConfig,
};
