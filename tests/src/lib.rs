//! What the end-to-end tests drive and ask with: the real binaries as
//! `radiodeck up` runs them, the real compose stack, HTTP clients and a
//! resolver that do nothing clever.
//!
//! Nothing here links a service. A test that fails prints what every process
//! said.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this crate is a test's helper: its panics are test failures"
)]

pub mod binaries;
pub mod compose;
pub mod database;
pub mod dig;
pub mod docker;
pub mod http;
pub mod load;
pub mod poll;
pub mod scenarios;
pub mod stack;
pub mod tls;
