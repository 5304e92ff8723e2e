//! The shape that pages are drawn from.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use service::Sockets;

use super::*;
use crate::access_log::AccessLog;
use crate::config::Config;

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

fn shared() -> Shared {
    let log = AccessLog::start().expect("a thread");
    let listen = SocketAddr::from(([127, 0, 0, 1], 8080));
    let config = Config {
        workers: 2,
        ..Config::default()
    };
    Shared::new(config, listen, None, log, Sockets::default())
}

#[test]
fn every_key_that_is_documented_is_there_and_no_other() {
    let shared = shared();
    shared.plan().pools[0].set_addresses(&BTreeMap::from([(SocketAddr::from(([127, 0, 0, 1], 8000)), 1)]));
    let status = status(&shared);
    let pool = &status["pools"][0];
    let server = &pool["servers"][0];
    let documented = [
        (
            &status,
            "now_ms generation draining connections max_connections listeners access_log tls pools workers",
        ),
        (&status["listeners"][0], "protocol address"),
        (&status["access_log"], "format dropped"),
        (&status["workers"][1], "id connections accepted requests"),
        (
            pool,
            "name balance queue healthy in_flight requests statuses failures retries redispatches budget_exhausted \
             ejections connects sent_bytes received_bytes recent servers",
        ),
        (
            &pool["recent"],
            "window_seconds requests_per_second errors_per_second p50_ms p99_ms",
        ),
        (
            server,
            "address state healthy ejected ejected_for_ms leaving admin weight share_percent in_rotation in_flight requests failures ejections \
             connects connections sent_bytes received_bytes recent last_check_ms_ago last_check_ok \
             last_check_took_ms reason",
        ),
        (&pool["queue"], "waiting length full timeouts"),
        (&server["connections"], "open idle"),
    ];
    for (value, expected) in documented {
        assert_eq!(keys(value), expected.split_whitespace().collect(), "{value:#}");
    }
}

#[test]
fn before_anything_has_happened_nothing_is_claimed() {
    let shared = shared();
    shared.plan().pools[0].set_addresses(&BTreeMap::from([(SocketAddr::from(([127, 0, 0, 1], 8000)), 1)]));
    let status = status(&shared);
    let server = &status["pools"][0]["servers"][0];
    assert_eq!(server["state"], "unchecked");
    for key in [
        "ejected_for_ms",
        "last_check_ms_ago",
        "last_check_ok",
        "last_check_took_ms",
        "reason",
    ] {
        assert_eq!(server[key], Value::Null, "{key}");
    }
    assert_eq!(server["recent"]["p99_ms"], Value::Null);
    assert_eq!(status["access_log"]["format"], "off");
}

#[test]
fn answers_and_ejections_are_seen_for_pool_and_server() {
    let shared = shared();
    let pool = &shared.plan().pools[0];
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    pool.set_addresses(&BTreeMap::from([(address(8000), 1), (address(8001), 1)]));
    pool.tick();
    let server = &pool.members()[0];
    for rows in [&pool.traffic[1], &server.traffic[1]] {
        rows.answered(http::StatusCode::OK, 3000);
        rows.answered(http::StatusCode::NOT_FOUND, 3000);
    }
    for _ in 0..pool.config.ejection.failures {
        pool.failed(server, crate::problem::Problem::ConnectionLost);
    }
    let status = status(&shared);
    let pool = &status["pools"][0];
    assert_eq!(pool["statuses"], json!({ "200": 1, "404": 1 }));
    assert_eq!((&pool["requests"], &pool["ejections"]), (&json!(2), &json!(1)));
    let server = &pool["servers"][0];
    assert_eq!((&server["state"], &server["ejections"]), (&json!("ejected"), &json!(1)));
    assert!(server["ejected_for_ms"].as_u64().is_some_and(|ms| ms > 0), "{server:#}");
    let p50 = server["recent"]["p50_ms"].as_f64();
    assert!(p50.is_some_and(|ms| (2.0..=3.5).contains(&ms)), "{server:#}");
}
