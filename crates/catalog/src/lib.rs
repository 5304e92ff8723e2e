//! Stations and what may be done with them. All SQL of Radiodeck lives here,
//! and so does the routing of reads to replicas and of writes to the primary.
//!
//! A [`Database`] watches every Postgres node. [`Database::read`] gives a [`Read`],
//! whose queries run on a replica that answers and is fresh enough, and go elsewhere when it is not;
//! [`Database::write`] gives a [`Write`], which only ever runs on the primary and outlasts a failover: see [`Written`] for
//! what it gives, and [`IdempotencyKey`] for writes that clients send again. [`Clicks`] collects those that may wait.
//!
//! Never here: HTTP, HTML, or the wire forms of the API.

mod batches;
mod category;
mod choice;
mod clicks;
mod config;
mod connect;
mod database;
mod error;
mod failure;
mod freshness;
mod idempotency;
pub mod import;
mod metrics;
pub mod migrate;
mod pool;
mod position;
mod query;
mod read;
mod retry;
mod route;
mod sql;
mod station;
mod topology;
mod transaction;
mod write;

pub use batches::StationBatches;
pub use category::{Category, CategoryCount, CategoryQuery, Stats};
pub use clicks::Clicks;
pub use config::{DatabaseConfig, NodeConfig};
pub use database::{Database, NodeRole, NodeStatus};
pub use error::{Error, Fault};
pub use freshness::Freshness;
pub use idempotency::IdempotencyKey;
pub use position::{Position, Written};
pub use query::{Order, StationQuery, TextMatch};
pub use read::Read;
pub use station::Station;
pub use write::{Click, Stream, Tidied, Visitor, VoteOutcome, Write};
