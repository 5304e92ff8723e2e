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
//! - `tls`: null without; its `address`; `certificates`, each with `file`, `names`,
//!   `expires_unix` and `days_left`; `handshakes`, `resumptions` and
//!   `failed_handshakes` since the start
//! - `access_log`: its `format`, and lines `dropped`
//! - `workers`: `id`, open `connections`; `accepted` and `requests` since the start
//! - `pools`, each with
//!   - `name`; `balance`: how a server is picked
//!   - `servers`, see below; `healthy`: how many of them are in rotation
//!   - `requests` answered, `statuses`: the same by status, `failures`: attempts
//!     without an answer, `retries`, `redispatches`, `budget_exhausted`,
//!     `ejections`, `connects`, `sent_bytes`, `received_bytes`: counters
//!   - `in_flight`: requests that wait for the end of their answer
//!   - `queue`: requests `waiting` for a place on a server, of at most `length`;
//!     refused because it was `full`, and `timeouts`, since the start
//!   - `recent`: `window_seconds`, `requests_per_second`, `errors_per_second` (5xx
//!     and failures), `p50_ms` and `p99_ms` of the time to an answer's head,
//!     estimated from a histogram, null without answers
//! - `servers` of a pool, each with
//!   - `address`; `state`: `healthy`, `unhealthy`, `unchecked`, `ejected`,
//!     `draining` or the operator's word; and what it comes from: `healthy` (the
//!     checks' verdict), `ejected`, `leaving`, `admin` (the operator's),
//!     `in_rotation`
//!   - `weight`, and `share_percent` of it while it starts slowly
//!   - `ejected_for_ms`: how much longer, null if it is not
//!   - `requests`, `failures`, `ejections`, `connects`, `sent_bytes`,
//!     `received_bytes`: counters
//!   - `in_flight`; `connections`: those `open`, and `idle` a moment ago
//!   - `recent`: as for the pool
//!   - `last_check_ms_ago`, `last_check_ok`, `last_check_took_ms`, `reason`: the
//!     last check; null before the first

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use health::{SlowStart, Standing};
use serde_json::{Map, Value, json};

use crate::config::AccessLogFormat;
use crate::metrics::codes::Codes;
use crate::metrics::recent::{Recent, Window};
use crate::metrics::{Gauge, Traffic, sum};
use crate::pool::Pool;
use crate::pool::outcome::Outcome;
use crate::pool::server::Server;
use crate::shared::Shared;
use crate::tls::Tls;

/// All of it.
pub(crate) fn status(shared: &Shared) -> Value {
    let plan = shared.plan();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let https = shared.tls.as_ref().map(|tls| ("https", tls.address));
    let listeners = [("http", shared.address)].into_iter().chain(https);
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
        "tls": shared.tls.as_ref().map(|tls| tls_status(shared, tls)),
        "workers": shared.workers.iter().enumerate().map(|(id, worker)| json!({
            "id": id,
            "connections": worker.open.load(Relaxed),
            "accepted": worker.accepted.get(),
            "requests": worker.requests.get(),
        })).collect::<Vec<_>>(),
    })
}

fn tls_status(shared: &Shared, tls: &Tls) -> Value {
    let now = tls.now();
    let certificates = now.certificates.iter().map(|certificate| {
        json!({
            "file": certificate.file,
            "names": certificate.names,
            "expires_unix": certificate.expires.as_secs(),
            "days_left": certificate.time_left().as_secs() / 86_400,
        })
    });
    json!({
        "address": tls.address,
        "certificates": certificates.collect::<Vec<_>>(),
        "handshakes": sum(&shared.workers, |row| &row.handshakes),
        "resumptions": sum(&shared.workers, |row| &row.resumptions),
        "failed_handshakes": sum(&shared.workers, |row| &row.failed_handshakes),
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
        "healthy": servers.iter().filter(|server| server.is_in_rotation()).count(),
        "in_flight": servers.iter().map(|server| server.in_flight()).sum::<usize>(),
        "requests": answered(&pool.traffic),
        "statuses": statuses,
        "failures": sum(&pool.traffic, |row| &row.failures),
        "retries": sum(&pool.traffic, |row| &row.retries),
        "redispatches": sum(&pool.traffic, |row| &row.redispatches),
        "budget_exhausted": sum(&pool.traffic, |row| &row.budget_exhausted),
        "ejections": pool.ejections.load(Relaxed),
        "balance": pool.config.balance,
        "queue": {
            "waiting": pool.line.waiting(),
            "length": pool.config.queue.length,
            "full": sum(&pool.traffic, |row| &row.queue_full),
            "timeouts": sum(&pool.traffic, |row| &row.queue_timeouts),
        },
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
    } else if !server.is_enabled() {
        server.admin().name()
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
        "admin": server.admin().name(),
        "weight": server.weight(),
        "share_percent": server.share() * 100 / SlowStart::WHOLE,
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
    (0..5).map(|class| sum(rows, |row| &row.answers[class])).sum()
}

#[cfg(test)]
mod tests;
