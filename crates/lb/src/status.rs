//! `/status`: pools, servers and workers as they are now.

use std::sync::atomic::Ordering::Relaxed;

use health::{SlowStart, Standing};
use serde_json::{Value, json};

use crate::metrics::{Traffic, sum};
use crate::pool::Pool;
use crate::pool::outcome::Outcome;
use crate::pool::server::Server;
use crate::shared::Shared;
use crate::tls::Tls;

/// All of it.
pub(crate) fn status(shared: &Shared) -> Value {
    let plan = shared.plan();
    json!({
        "generation": plan.generation,
        "draining": shared.is_draining(),
        "connections": shared.connections.load(Relaxed),
        "max_connections": plan.client.max_connections,
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
    json!({
        "name": pool.config.name,
        "healthy": servers.iter().filter(|server| server.is_in_rotation()).count(),
        "requests": answered(&pool.traffic),
        "retries": sum(&pool.traffic, |row| &row.retries),
        "redispatches": sum(&pool.traffic, |row| &row.redispatches),
        "ejections": pool.ejections.load(Relaxed),
        "balance": pool.config.balance,
        "queue": {
            "waiting": pool.line.waiting(),
            "length": pool.config.queue.length,
            "full": sum(&pool.traffic, |row| &row.queue_full),
            "timeouts": sum(&pool.traffic, |row| &row.queue_timeouts),
        },
        "servers": servers.iter().map(|server| server_status(server)).collect::<Vec<_>>(),
    })
}

fn server_status(server: &Server) -> Value {
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
    json!({
        "address": server.address,
        "state": state,
        "healthy": server.standing() == Standing::Up,
        "ejected": server.is_ejected(),
        "leaving": server.is_leaving(),
        "admin": server.admin().name(),
        "weight": server.weight(),
        "share_percent": server.share() * 100 / SlowStart::WHOLE,
        "in_rotation": server.is_in_rotation(),
        "in_flight": server.in_flight(),
        "requests": answered(&server.traffic),
        "failures": sum(&server.traffic, |row| &row.failures),
        "last_check_ms_ago": last.as_ref().map(|(at, _)| at.elapsed().as_millis() as u64),
        "last_check_ok": last.as_ref().map(|(_, outcome)| *outcome == Outcome::Passed),
        "reason": last.map(|(_, outcome)| outcome.to_string()),
    })
}

fn answered(rows: &[Traffic]) -> u64 {
    (0..5).map(|class| sum(rows, |row| &row.answers[class])).sum()
}
