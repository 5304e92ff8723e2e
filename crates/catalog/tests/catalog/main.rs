//! The catalogue on a real Postgres. One cluster serves every test, each with a database of its own; tests
//! that stop nodes have a cluster of their own. Everything is gone when the process ends.

mod categories;
mod failover;
mod freshness;
mod import;
mod migrations;
mod once;
mod orders;
mod real_data;
mod relay;
mod samples;
mod search;
mod support;
mod writes;
