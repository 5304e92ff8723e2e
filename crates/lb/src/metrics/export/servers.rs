//! The numbers of each server.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::encoding::DescriptorEncoder;

use super::CLASSES;
use super::series::{Series, counters, gauges};
use crate::metrics::{Gauge, Traffic, sum};
use crate::pool::Pool;
use crate::pool::server::Server;

/// A number of a server with its name and help.
type Number = (&'static str, &'static str, fn(&Server) -> u64);

const COUNTERS: [Number; 5] = [
    (
        "lb_server_failures",
        "Attempts on a server without an answer",
        |server| sum(&server.traffic, |row| &row.failures),
    ),
    (
        "lb_server_ejections",
        "Ejections of a server by live traffic",
        Server::ejections,
    ),
    ("lb_server_connects", "Connections made to a server", |server| {
        sum(&server.traffic, |row| &row.connects)
    }),
    ("lb_server_sent_bytes", "Bytes written to a server", |server| {
        sum(&server.traffic, |row| &row.sent_bytes)
    }),
    ("lb_server_received_bytes", "Bytes read from a server", |server| {
        sum(&server.traffic, |row| &row.received_bytes)
    }),
];

const GAUGES: [Number; 5] = [
    ("lb_server_in_flight", "Requests a server owes an answer to", |server| {
        server.in_flight() as u64
    }),
    ("lb_server_healthy", "Whether a server is in rotation", |server| {
        u64::from(server.is_in_rotation())
    }),
    ("lb_server_ejected", "Whether a server is ejected", |server| {
        u64::from(server.is_ejected())
    }),
    ("lb_server_connections_open", "Connections open to a server", |server| {
        Gauge::sum(&server.traffic, |row: &Traffic| &row.open)
    }),
    (
        "lb_server_connections_idle",
        "Those of them that wait for a request",
        |server| Gauge::sum(&server.traffic, |row: &Traffic| &row.idle),
    ),
];

pub(super) fn encode(pools: &[Arc<Pool>], encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let servers: Vec<(&str, Arc<Server>)> = pools
        .iter()
        .flat_map(|pool| {
            pool.members()
                .into_iter()
                .map(|server| (pool.config.name.as_str(), server))
        })
        .collect();
    let labels = |(pool, server): &(&str, Arc<Server>)| {
        vec![("pool", (*pool).to_owned()), ("server", server.address.to_string())]
    };
    let mut requests = Series::new();
    for server in &servers {
        for (class, name) in CLASSES.iter().enumerate() {
            let total = sum(&server.1.traffic, |row| &row.answers[class]);
            let mut labels = labels(server);
            labels.push(("code", (*name).to_owned()));
            requests.push((labels, total));
        }
    }
    counters(encoder, "lb_server_requests", "Requests answered by a server", requests)?;
    let series = |number: fn(&Server) -> u64| -> Series {
        servers
            .iter()
            .map(|server| (labels(server), number(&server.1)))
            .collect()
    };
    for (name, help, number) in COUNTERS {
        counters(encoder, name, help, series(number))?;
    }
    for (name, help, number) in GAUGES {
        gauges(encoder, name, help, series(number))?;
    }
    Ok(())
}
