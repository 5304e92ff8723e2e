//! Second attempts beside a first one that takes long.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{App, Balancer, Reply, eventually, get, request};

const HEDGE: &str = "upstream.first_byte_ms = 3000\nhedge = { enabled = true, min_ms = 20, max_percent = 100 }";

/// A quick server beside one that hangs, answers with `reply` or is quick as
/// well, as `state` says; hedging has learnt that answers are quick.
async fn learnt(hangs: &Arc<AtomicBool>, pool: &str, top: &str) -> (App, App, Balancer) {
    let steady = App::saying("steady").await;
    let state = hangs.clone();
    let other = App::doing(move |_| match state.load(Ordering::Relaxed) {
        true => Reply::Hang,
        false => Reply::Ok("other"),
    })
    .await;
    let balancer = Balancer::in_front_of(&[&steady, &other], pool, &format!("workers = 1\n{top}")).await;
    // The delay is worked out by the sweep, and forgotten if nothing is asked.
    eventually("hedging", async || {
        hangs.store(false, Ordering::Relaxed);
        for _ in 0..150 {
            assert_eq!(get(balancer.address, "a", "/").await.status, 200);
        }
        hangs.store(true, Ordering::Relaxed);
        for _ in 0..2 {
            get(balancer.address, "a", "/").await;
        }
        match balancer.metric("lb_hedge_wins_total") {
            0 => Err(format!("{} hedged", balancer.metric("lb_hedges_total"))),
            _ => Ok(()),
        }
    })
    .await;
    (steady, other, balancer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_hangs_is_answered_by_another_server_and_nobody_is_blamed() {
    let hangs = Arc::new(AtomicBool::new(false));
    let (_steady, other, balancer) = learnt(&hangs, HEDGE, "").await;
    let failures = balancer.metric("lb_failures_total");
    for _ in 0..10 {
        let answer = get(balancer.address, "a", "/").await;
        assert_eq!((answer.status, &*answer.text()), (200, "steady"));
    }
    assert_eq!(balancer.metric("lb_failures_total"), failures);
    assert_eq!(balancer.metric("lb_ejections_total"), 0);
    assert_eq!(balancer.metric("lb_retries_total"), 0);
    assert!(balancer.metric("lb_hedge_wins_total") > 5);
    // What was broken off holds no place.
    eventually("nothing in flight", async || {
        match balancer.metric("lb_server_in_flight") {
            0 => Ok(()),
            left => Err(format!("{left} in flight of {}", other.count())),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_server_that_has_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let log = format!("[access_log]\nformat = \"json\"\nfile = \"{}\"", file.display());
    let hangs = Arc::new(AtomicBool::new(false));
    let (steady, _other, balancer) = learnt(&hangs, HEDGE, &log).await;
    for _ in 0..4 {
        assert_eq!(get(balancer.address, "a", "/told").await.text(), "steady");
    }
    eventually("four lines", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let told: Vec<_> = text.lines().filter(|line| line.contains("/told")).collect();
        let by = format!("\"server\":\"{}\"", steady.address);
        match told.len() == 4 && told.iter().all(|line| line.contains(&by)) {
            true => Ok(()),
            false => Err(format!("{by} in {told:#?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_line_in_front_of_the_servers_no_place_is_lost() {
    let hangs = Arc::new(AtomicBool::new(false));
    let pool = format!("{HEDGE}\nmax_requests = 2\nqueue = {{ length = 100, timeout_ms = 60000 }}");
    let (steady, _other, balancer) = learnt(&hangs, &pool, "").await;
    // Many at once, of which half begin with the server that hangs.
    for _ in 0..5 {
        let asking: Vec<_> = (0..20)
            .map(|_| {
                let address = balancer.address;
                tokio::spawn(async move { get(address, "a", "/").await.status })
            })
            .collect();
        for asked in asking {
            // 504: hedged too late, or not at all for want of a place.
            let status = asked.await.expect("answered");
            assert!(matches!(status, 200 | 504), "{status}");
        }
    }
    assert!(steady.most_at_once() <= 2, "{} at once", steady.most_at_once());
    eventually("nothing in flight and nobody in line", async || {
        match ["lb_server_in_flight", "lb_queue"].map(|name| balancer.metric(name)) {
            [0, 0] => Ok(()),
            left => Err(format!("{left:?}")),
        }
    })
    .await;
    // All places are there again.
    hangs.store(false, Ordering::Relaxed);
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let address = balancer.address;
            tokio::spawn(async move { get(address, "a", "/").await.status })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.expect("answered"), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_or_has_a_body_is_never_hedged() {
    let hangs = Arc::new(AtomicBool::new(false));
    let (steady, other, balancer) = learnt(&hangs, HEDGE, "").await;
    let hedges = balancer.metric("lb_hedges_total");
    let seen = steady.count() + other.count();
    for method in ["POST", "PUT", "GET"] {
        for _ in 0..2 {
            let bytes = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
            let address = balancer.address;
            tokio::spawn(async move { request(address, bytes).await });
        }
    }
    eventually("all have arrived", async || {
        match steady.count() + other.count() - seen {
            6 => Ok(()),
            arrived => Err(format!("{arrived} of 6")),
        }
    })
    .await;
    // A request that can be hedged shows that the others had time.
    for _ in 0..2 {
        assert_eq!(get(balancer.address, "a", "/").await.text(), "steady");
    }
    let hedges = balancer.metric("lb_hedges_total") - hedges;
    assert!(hedges >= 1, "nothing was waited for");
    assert!(steady.count() + other.count() - seen <= 6 + 2 + hedges as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_hedged_than_the_budget_allows() {
    let hangs = Arc::new(AtomicBool::new(false));
    let steady = App::saying("steady").await;
    let state = hangs.clone();
    let other = App::doing(move |_| match state.load(Ordering::Relaxed) {
        true => Reply::Slow(std::time::Duration::from_millis(60), "late"),
        false => Reply::Ok("other"),
    })
    .await;
    let pool = "hedge = { enabled = true, percentile = 99, min_ms = 10, max_percent = 5 }";
    let balancer = Balancer::in_front_of(&[&steady, &other], pool, "workers = 1").await;
    for _ in 0..150 {
        get(balancer.address, "a", "/").await;
    }
    hangs.store(true, Ordering::Relaxed);
    let late = || async {
        let mut late = 0;
        for _ in 0..100 {
            late += usize::from(get(balancer.address, "a", "/").await.text() == "late");
        }
        late
    };
    let late = late().await;
    let hedges = balancer.metric("lb_hedges_total");
    assert!((1..=12).contains(&hedges), "{hedges} for 250 requests");
    assert!(late >= 38, "{late} were waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_names_the_server_that_has_answered() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("access.log");
    let log = format!("[access_log]\nformat = \"json\"\nfile = \"{}\"", file.display());
    let hangs = Arc::new(AtomicBool::new(false));
    let (steady, _other, balancer) = learnt(&hangs, HEDGE, &log).await;
    for _ in 0..6 {
        assert_eq!(get(balancer.address, "a", "/named").await.text(), "steady");
    }
    let server = format!("\"server\":\"{}\"", steady.address);
    eventually("all lines", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let lines: Vec<_> = text
            .lines()
            .filter(|line| line.contains("\"path\":\"/named\""))
            .collect();
        if lines.len() < 6 {
            return Err(format!("{} lines", lines.len()));
        }
        assert!(lines.iter().all(|line| line.contains(&server)), "{lines:#?}");
        Ok(())
    })
    .await;
}
