//! Radiodeck's HTTP load balancer.
//!
//! The way of a request: [`worker`] accepts, [`connection`] lets hyper speak
//! HTTP while [`request::framing`] looks on, [`handle`] routes, [`forward`]
//! takes a place ([`queue`]) on a server of the [`pool`], whose turn it is by
//! [`balance`], sends it there over a kept connection ([`upstream`]), and again
//! elsewhere if that fails and [`retry`] allows it. Beside that, on the main
//! runtime: [`pool::discovery`] finds servers, [`check`] asks how they are, and
//! [`operator`] takes them out and puts them back by hand.
//!
//! Facts that everything relies on:
//! - A worker is one thread. What is used within a request is not shared.
//! - A request and the connection to its server are driven by one task.
//! - Nothing has a timer of its own; see [`watch`].
//! - Answers and bodies are streamed, never collected.
//!
//! Never here: anything that knows stations, databases or DNS records.

mod addresses;
mod balance;
mod balancer;
mod check;
mod config;
mod connection;
mod drain;
mod forward;
mod handle;
mod metrics;
mod operator;
mod outgoing;
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
mod upstream;
mod watch;
mod worker;

pub use balancer::LoadBalancer;
pub use config::{
    Balance, CheckConfig, ClientConfig, Config, EjectionConfig, ErrorForm, HashKey, PoolConfig, QueueConfig,
    RetryConfig, RouteConfig, ServerConfig, ServerSource, StatusRange, UpstreamConfig,
};
