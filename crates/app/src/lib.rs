//! The stateless app server: the site for browsers (host www) and the API for
//! programs (host api), both out of one catalogue.
//!
//! A request passes [`front`] (host, health, deadline, headers, metrics), then
//! one of the two flat routers in [`router`], then the handler in the file of
//! its resource under [`api`] or [`site`]. Any request may go to any app server:
//! what a client must find again is in the database or in the client's URL.
//!
//! A handler that fails returns a [`failure::Failure`] and nothing else; the
//! front turns it into problem details on the API and into a page on the site.
//!
//! Never here: SQL, the choice of a database node, load balancing.

mod api;
mod clicks;
mod config;
mod connection;
mod consistency;
mod failure;
mod front;
mod host;
mod housekeeping;
mod instance;
mod metrics;
mod router;
mod server;
mod service;
mod site;
mod state;
mod visitor;

pub use config::{AppConfig, Limits};
pub use service::App;
