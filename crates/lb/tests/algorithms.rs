//! Each way to balance, over real connections and several workers.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use support::{App, Balancer, Client, Reply, get, request};

/// Servers that say who they are.
async fn apps() -> [App; 3] {
    [App::saying("a").await, App::saying("b").await, App::saying("c").await]
}

/// A balancer in front of `apps` with these weights.
async fn weighted(apps: &[App], weights: &[u32], pool: &str) -> Balancer {
    let servers: Vec<String> = apps
        .iter()
        .zip(weights)
        .map(|(app, weight)| format!("{{ address = \"{}\", weight = {weight} }}", app.address))
        .collect();
    let balancer = Balancer::start(&format!(
        "workers = 4\n[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [{}]\n\
         check.interval_ms = 50\n{pool}",
        servers.join(", ")
    ))
    .await;
    balancer.wait_for_healthy(apps.len()).await;
    balancer
}

/// Sends GETs for `path` over several connections at once.
async fn ask(balancer: &Balancer, requests_each: usize, head: &str) {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (address, head) = (balancer.address, head.to_owned());
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                for _ in 0..requests_each {
                    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{head}\r\n")).await;
                    assert_eq!(client.read("GET").await.status, 200);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("answered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn weighted_round_robin_gives_exact_shares_over_all_workers() {
    let apps = apps().await;
    let balancer = weighted(&apps, &[5, 2, 1], "balance = \"weighted_round_robin\"").await;
    ask(&balancer, 50, "").await;
    let counts: Vec<usize> = apps.iter().map(App::count).collect();
    assert_eq!(counts, [250, 100, 50]);
}

#[tokio::test(flavor = "multi_thread")]
async fn least_requests_leaves_a_busy_server_alone() {
    // The first server never answers what it was asked to hold.
    let hold = |seen: &support::app::Seen| match seen.line() {
        "GET /hold HTTP/1.1" => Reply::Hang,
        _ => Reply::Ok("quick"),
    };
    let apps = [App::doing(hold).await, App::doing(hold).await];
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1]], "balance = \"least_requests\"", "").await;
    let mut held = Client::connect(balancer.address).await;
    held.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
    support::eventually("held", async || {
        let seen = apps[0].count() + apps[1].count();
        if seen == 1 { Ok(()) } else { Err(format!("{seen} seen")) }
    })
    .await;
    for _ in 0..20 {
        assert_eq!(get(balancer.address, "a", "/").await.text(), "quick");
    }
    let counts = BTreeSet::from([apps[0].count(), apps[1].count()]);
    assert_eq!(counts, BTreeSet::from([1, 20]), "the busy server got more");
}

/// Which server has each of many keys.
async fn owners(balancer: &Balancer) -> BTreeMap<usize, String> {
    let mut owners = BTreeMap::new();
    for user in 0..60 {
        for _ in 0..2 {
            let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\nX-User: {user}\r\nConnection: close\r\n\r\n");
            let text = request(balancer.address, bytes).await.text();
            let owner = owners.entry(user).or_insert_with(|| text.clone());
            assert_eq!(*owner, text, "user {user} went to two servers");
        }
    }
    owners
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_keeps_its_server_and_a_lost_server_moves_its_own_keys_only() {
    let apps = apps().await;
    let hash = "balance = \"hash\"\nhash_key = \"header:x-user\"";
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1], &apps[2]], hash, "workers = 4").await;
    let before = owners(&balancer).await;
    assert_eq!(before.values().collect::<BTreeSet<_>>().len(), 3, "{before:?}");

    apps[1].healthy.store(false, Ordering::Relaxed);
    balancer.wait_for_healthy(2).await;
    let without = owners(&balancer).await;
    for (user, owner) in &before {
        if owner == "b" {
            assert_ne!(without[user], "b");
        } else {
            assert_eq!(&without[user], owner, "user {user} moved without need");
        }
    }

    apps[1].healthy.store(true, Ordering::Relaxed);
    balancer.wait_for_healthy(3).await;
    assert_eq!(owners(&balancer).await, before, "and back");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_requests_go_in_turn() {
    let apps = apps().await;
    let hash = "balance = \"hash\"\nhash_key = \"cookie:id\"";
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1], &apps[2]], hash, "workers = 4").await;
    ask(&balancer, 30, "Cookie: other=1\r\n").await;
    let counts: Vec<usize> = apps.iter().map(App::count).collect();
    assert_eq!(counts, [80, 80, 80]);
    ask(&balancer, 30, "Cookie: other=1; id=7\r\n").await;
    let mut counts: Vec<usize> = apps.iter().map(App::count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [80, 80, 320]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safe_request_whose_server_fails_goes_to_the_next_for_its_key() {
    let good = [App::saying("a").await, App::saying("b").await];
    let bad = App::doing(|_| Reply::RawReset(Vec::new())).await;
    let hash = "balance = \"hash\"\nhash_key = \"header:x-user\"\nejection.failures = 0";
    let balancer = Balancer::in_front_of(&[&good[0], &bad, &good[1]], hash, "").await;
    let owners = owners(&balancer).await;
    assert!(bad.count() > 0, "the bad server had no key at all");
    assert_eq!(owners.values().collect::<BTreeSet<_>>().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_come_up_together_share_alike_from_the_start() {
    let apps = apps().await;
    // So slow that they are at their first tenth for as long as the test takes.
    let slow = "slow_start_ms = 3600000";
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1], &apps[2]], slow, "").await;
    ask(&balancer, 30, "").await;
    let before: Vec<usize> = apps.iter().map(App::count).collect();
    assert_eq!(before, [80, 80, 80]);

    let status = balancer.status().await;
    let shares = &status["lb"]["pools"][0]["servers"];
    assert_eq!(shares[0]["share_percent"], 10, "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_grows_until_it_is_whole() {
    let apps = [App::saying("a").await, App::saying("b").await];
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1]], "slow_start_ms = 1000", "").await;
    let whole = async || {
        let status = balancer.status().await;
        let servers = status["lb"]["pools"][0]["servers"].as_array().expect("a list").clone();
        let shares: Vec<u64> = servers
            .iter()
            .filter_map(|server| server["share_percent"].as_u64())
            .collect();
        if shares == [100, 100] {
            Ok(())
        } else {
            Err(format!("{shares:?}"))
        }
    };
    support::eventually("whole shares", whole).await;
    apps[1].healthy.store(false, Ordering::Relaxed);
    balancer.wait_for_healthy(1).await;
    apps[1].healthy.store(true, Ordering::Relaxed);
    balancer.wait_for_healthy(2).await;
    support::eventually("whole shares again", whole).await;
    let before = apps[1].count();
    ask(&balancer, 10, "").await;
    assert_eq!(apps[1].count() - before, 40);
}
