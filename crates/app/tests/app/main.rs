//! The app server as its clients meet it: over real sockets and a real Postgres.

mod api;
mod api_writes;
mod bad_input;
mod consistency;
mod formats;
mod life;
mod outage;
mod site;
mod static_files;
mod support;
mod transport;
