//! What every Radiodeck binary needs, and nothing that only one of them needs:
//! a command line, configuration, tracing, readiness, drain and an admin
//! listener.
//!
//! A service implements [`Service`] and its `main.rs` calls [`main`]. The order
//! of life is always the same: the configuration is checked whole, tracing
//! starts, [`Service::build`] binds and prepares, the admin listener answers,
//! [`Service::run`] serves until the [`Shutdown`] begins and then drains within
//! its deadline.
//!
//! Never here: anything that knows DNS, HTTP routing or SQL.

mod action;
mod admin;
mod args;
mod config;
mod context;
mod environment;
mod error;
mod handover;
mod launch;
mod listen;
mod notify;
mod probe;
mod readiness;
mod reload;
mod settings;
mod shutdown;
mod sockets;
mod telemetry;

pub use action::{ActionPath, Refused};
pub use admin::serve as serve_admin;
pub use args::{Args, LogFormat};
pub use config::{ConfigError, load};
pub use context::{Context, Registry};
pub use environment::environment;
pub use error::{RunError, StartError};
pub use launch::{Service, main};
pub use listen::{bind_tcp, bind_udp, listening};
pub use readiness::{Latch, Readiness};
pub use reload::ConfigSource;
pub use settings::{Config, ServiceSettings};
pub use shutdown::Shutdown;
pub use sockets::Sockets;
pub use telemetry::init as init_tracing;
