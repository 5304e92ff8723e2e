//! Radiodeck's HTTP load balancer.
//!
//! The way of a request: [`worker`] accepts, [`connection`] speaks TLS if the
//! listener says so ([`tls`] has the certificates) and lets hyper speak HTTP while
//! [`request::framing`] looks on, [`handle`] routes, [`forward`] takes a place
//! ([`queue`]) on a server of the [`pool`], whose turn it is by [`balance`], sends
//! it there over a kept connection ([`upstream`]), and again elsewhere if that
//! fails and [`retry`] allows it. What is too much is refused before that
//! ([`overload`]). A server that switches protocols gets a [`tunnel`]. In the end
//! there is a line in the [`access_log`]. Beside that, on the main runtime:
//! [`pool::discovery`] finds servers, [`check`] asks how they are, and [`operator`]
//! takes them out and puts them back by hand.
//!
//! Facts that everything relies on:
//! - A worker is one thread. What is used within a request is not shared.
//! - A request and its connection to a server are driven by one task. Only HTTP/2
//!   connections, which many requests share, have tasks of their own.
//! - A request keeps to the [`plan`] that it began with.
//! - The deadlines of requests and of idle connections have no timers: see [`watch`].
//!   Timers are for what is rare: the pause after all servers have failed a request,
//!   the delay of [`hedge`] if that is on, and the last moments of a connection.
//! - Answers and bodies are streamed. Of a request's body the first 64 KB are kept
//!   until the answer, to send it again; of an answer nothing is.
//!
//! Never here: anything that knows stations, databases or DNS records.

mod access_log;
mod addresses;
mod balance;
mod balancer;
mod check;
mod config;
mod connection;
mod descriptors;
mod drain;
mod forward;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod gather;
mod handle;
mod hedge;
mod listeners;
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
