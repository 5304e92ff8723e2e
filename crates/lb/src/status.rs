//! `/status`: the balancer as it is now, rich enough to draw a live page from.
//!
//! Counters only grow, over all workers and since the process began; `now_ms`
//! lets a reader make rates of its own. Rates and percentiles that are given
//! here are of the last ten seconds (`window_seconds`; less after a start).
//!
//! - `now_ms`: when this was read, milliseconds since 1970
//! - `generation`: of the configuration; 1 at the start, one more each reload
//! - `draining`: the balancer ends
//! - `connections`, `max_connections`: of clients, now and at the most
//! - `listeners`: `protocol` and `address` of each
//! - `access_log`: its `format`, and lines `dropped`
//! - `workers`: `id`, open `connections`; `accepted` and `requests` since the start
//! - `pools`, each with
//!   - `name`; `algorithm`: how a server is picked
//!   - `servers`, see below; `healthy`: how many of them are in rotation
//!   - `requests` answered, `statuses`: the same by status, `failures`: attempts
//!     without an answer, `retries`, `redispatches`, `budget_exhausted`,
//!     `ejections`, `connects`, `sent_bytes`, `received_bytes`: counters
//!   - `in_flight`: requests that wait for the end of their answer
//!   - `recent`: `window_seconds`, `requests_per_second`, `errors_per_second` (5xx
//!     and failures), `p50_ms` and `p99_ms` of the time to an answer's head,
//!     estimated from a histogram, null without answers
//! - `servers` of a pool, each with
//!   - `address`; `state`: `healthy`, `unhealthy`, `unchecked`, `ejected` or
//!     `draining`; and what it comes from: `healthy` (the checks' verdict),
//!     `ejected`, `leaving`, `in_rotation`
//!   - `ejected_for_ms`: how much longer, null if it is not
//!   - `requests`, `failures`, `ejections`, `connects`, `sent_bytes`,
//!     `received_bytes`: counters
//!   - `in_flight`; `connections`: those `open`, and `idle` a moment ago
//!   - `recent`: as for the pool
//!   - `last_check_ms_ago`, `last_check_ok`, `last_check_took_ms`, `reason`: the
//!     last check; null before the first

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use health::Standing;
use serde_json::{Map, Value, json};

use crate::config::AccessLogFormat;
use crate::metrics::codes::Codes;
use crate::metrics::recent::{Recent, Window};
use crate::metrics::{Gauge, Traffic, sum};
use crate::pool::Pool;
use crate::pool::server::{Outcome, Server};
use crate::shared::Shared;

/// All of it.
pub(crate) fn status(shared: &Shared) -> Value {
    let plan = shared.plan();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let listeners = shared.listeners.iter();
    let listeners = listeners.map(|(protocol, address)| json!({ "protocol": protocol, "address": address }));
    json!({
        "now_ms": now.as_millis() as u64,
        "generation": plan.generation,
        "draining": shared.is_draining(),
        "connections": shared.connections.load(Relaxed),
        "max_connections": plan.client.max_connections,
        "listeners": listeners.collect::<Vec<_>>(),
        "access_log": {
            "format": match plan.config.access_log.format {
                AccessLogFormat::Off => "off",
                AccessLogFormat::Combined => "combined",
                AccessLogFormat::Json => "json",
            },
            "dropped": shared.access_log.dropped(),
        },
        "pools": plan.pools.iter().map(|pool| pool_status(pool)).collect::<Vec<_>>(),
        "workers": shared.workers.iter().enumerate().map(|(id, worker)| json!({
            "id": id,
            "connections": worker.open.load(Relaxed),
            "accepted": worker.accepted.get(),
            "requests": worker.requests.get(),
        })).collect::<Vec<_>>(),
    })
}

fn pool_status(pool: &Pool) -> Value {
    let servers = pool.members();
    let statuses = Codes::seen(&pool.traffic, |row| &row.codes);
    let statuses: Map<String, Value> = statuses
        .into_iter()
        .map(|(status, count)| (status.to_string(), json!(count)))
        .collect();
    json!({
        "name": pool.config.name,
        "algorithm": "round_robin",
        "healthy": servers.iter().filter(|server| server.is_in_rotation()).count(),
        "in_flight": servers.iter().map(|server| server.in_flight()).sum::<usize>(),
        "requests": answered(&pool.traffic),
        "statuses": statuses,
        "failures": sum(&pool.traffic, |row| &row.failures),
        "retries": sum(&pool.traffic, |row| &row.retries),
        "redispatches": sum(&pool.traffic, |row| &row.redispatches),
        "budget_exhausted": sum(&pool.traffic, |row| &row.budget_exhausted),
        "ejections": pool.ejections.load(Relaxed),
        "connects": sum(&pool.traffic, |row| &row.connects),
        "sent_bytes": sum(&pool.traffic, |row| &row.sent_bytes),
        "received_bytes": sum(&pool.traffic, |row| &row.received_bytes),
        "recent": recent(&pool.recent, &pool.traffic),
        "servers": servers.iter().map(|server| server_status(pool, server)).collect::<Vec<_>>(),
    })
}

fn server_status(pool: &Pool, server: &Server) -> Value {
    let state = if server.is_leaving() {
        "draining"
    } else if server.is_ejected() {
        "ejected"
    } else {
        match server.standing() {
            Standing::Unknown => "unchecked",
            Standing::Up => "healthy",
            Standing::Down => "unhealthy",
        }
    };
    let last = server.last_check();
    let took_ms = server.check_us.load(Relaxed) as f64 / 1000.0;
    let ejected_for = server.ejected_until().map(|until| until.saturating_sub(pool.now()));
    json!({
        "address": server.address,
        "state": state,
        "healthy": server.standing() == Standing::Up,
        "ejected": server.is_ejected(),
        "ejected_for_ms": ejected_for.map(|time| time.as_millis() as u64),
        "leaving": server.is_leaving(),
        "in_rotation": server.is_in_rotation(),
        "in_flight": server.in_flight(),
        "requests": answered(&server.traffic),
        "failures": sum(&server.traffic, |row| &row.failures),
        "ejections": server.ejections(),
        "connects": sum(&server.traffic, |row| &row.connects),
        "connections": {
            "open": Gauge::sum(&server.traffic, |row| &row.open),
            "idle": Gauge::sum(&server.traffic, |row| &row.idle),
        },
        "sent_bytes": sum(&server.traffic, |row| &row.sent_bytes),
        "received_bytes": sum(&server.traffic, |row| &row.received_bytes),
        "recent": recent(&server.recent, &server.traffic),
        "last_check_ms_ago": last.as_ref().map(|(at, _)| at.elapsed().as_millis() as u64),
        "last_check_ok": last.as_ref().map(|(_, outcome)| *outcome == Outcome::Passed),
        "last_check_took_ms": last.as_ref().map(|_| took_ms),
        "reason": last.map(|(_, outcome)| outcome.to_string()),
    })
}

fn recent(recent: &Recent, rows: &[Traffic]) -> Value {
    let Window {
        seconds,
        requests_per_second,
        errors_per_second,
        p50_ms,
        p99_ms,
    } = recent.window(rows, Instant::now());
    json!({
        "window_seconds": seconds,
        "requests_per_second": requests_per_second,
        "errors_per_second": errors_per_second,
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
    })
}

fn answered(rows: &[Traffic]) -> u64 {
    let seen = Codes::seen(rows, |row| &row.codes);
    seen.iter().map(|(_, count)| count).sum()
}

#[cfg(test)]
mod tests;
