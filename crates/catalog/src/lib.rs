//! Stations and what may be done with them. All SQL of Radiodeck lives here,
//! and so does the routing of reads to replicas and of writes to the primary.
//!
//! A [`Database`] watches every Postgres node. [`Database::read`] gives a [`Read`],
//! whose queries run on a replica that answers and is fresh enough, and go elsewhere when it is not;
//! [`Database::write`] gives a [`Write`] on the primary, or says that there is none.
//!
//! Never here: HTTP, HTML, or the wire forms of the API.

mod batches;
mod category;
mod choice;
mod config;
mod connect;
mod database;
mod error;
mod failure;
mod freshness;
pub mod import;
mod metrics;
pub mod migrate;
mod pool;
mod position;
mod query;
mod read;
mod route;
mod sql;
mod station;
mod topology;
mod write;

pub use batches::StationBatches;
pub use category::{Category, CategoryCount, CategoryQuery, Stats};
pub use config::{DatabaseConfig, NodeConfig};
pub use database::{Database, NodeRole, NodeStatus};
pub use error::{Error, Fault};
pub use freshness::Freshness;
pub use position::{Position, Written};
pub use query::{Order, StationQuery, TextMatch};
pub use read::Read;
pub use station::Station;
pub use write::{Click, Tidied, Visitor, VoteOutcome, Write};
