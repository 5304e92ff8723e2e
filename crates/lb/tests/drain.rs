//! The end of a balancer: nobody who was let in goes without an answer.

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use support::{App, Balancer, Client, PATIENCE, Reply, get};

const NOTICE: &str = "drain_notice_ms = 300";

#[tokio::test(flavor = "multi_thread")]
async fn during_the_notice_requests_are_served_and_told_not_to_come_back() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "drain_notice_ms = 2000").await;
    let mut kept = Client::connect(balancer.address).await;
    kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(kept.read("GET").await.header("connection"), None);
    balancer.shutdown.begin();
    support::eventually("health says no", async || {
        let answer = get(balancer.address, "a", "/.lb/health").await;
        if answer.status == 503 {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    })
    .await;
    kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = kept.read("GET").await;
    assert_eq!((&*answer.text(), answer.header("connection")), ("hi", Some("close")));
    assert!(kept.is_closed().await);
    assert_eq!(get(balancer.address, "a", "/").await.text(), "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_under_way_are_finished_and_idle_connections_closed() {
    let app = App::doing(|_| Reply::Slow(Duration::from_millis(800), "late")).await;
    let mut balancer = Balancer::in_front_of(&[&app], "", NOTICE).await;
    let mut idle = Client::connect(balancer.address).await;
    let mut busy = Client::connect(balancer.address).await;
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    support::eventually("under way", async || {
        if app.count() == 1 {
            Ok(())
        } else {
            Err("not yet".into())
        }
    })
    .await;
    balancer.shutdown.begin();
    assert!(idle.is_closed().await);
    let answer = busy.read("GET").await;
    assert_eq!((&*answer.text(), answer.header("connection")), ("late", Some("close")));
    tokio::time::timeout(PATIENCE, &mut balancer.running)
        .await
        .expect("in time")
        .expect("ended");
    assert!(tokio::net::TcpStream::connect(balancer.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_deadline_what_is_left_is_cut() {
    let app = App::doing(|_| Reply::Hang).await;
    let top = "drain_notice_ms = 0\n[service]\ndrain_deadline_ms = 300";
    let mut balancer = Balancer::in_front_of(&[&app], "", top).await;
    let mut busy = Client::connect(balancer.address).await;
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    support::eventually("under way", async || {
        if app.count() == 1 {
            Ok(())
        } else {
            Err("not yet".into())
        }
    })
    .await;
    balancer.shutdown.begin();
    tokio::time::timeout(PATIENCE, &mut balancer.running)
        .await
        .expect("in time")
        .expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_drain_of_the_servers_loses_nothing() {
    let apps = [App::saying("a").await, App::saying("b").await];
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1]], "", "").await;
    for app in &apps {
        app.healthy.store(false, Ordering::Relaxed);
        balancer.wait_for_healthy(1).await;
        let before = app.count();
        for _ in 0..20 {
            assert_eq!(get(balancer.address, "a", "/").await.status, 200);
        }
        assert_eq!(app.count(), before, "a server that said no was asked");
        app.healthy.store(true, Ordering::Relaxed);
        balancer.wait_for_healthy(2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_connected_just_before_the_drain_may_still_ask() {
    let app = App::saying("hi").await;
    let mut balancer = Balancer::in_front_of(&[&app], "", "drain_notice_ms = 0").await;
    let mut clients = Vec::new();
    for index in 0..60u64 {
        let mut client = Client::connect(balancer.address).await;
        clients.push(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(index)).await;
            // Some stop in the middle of a head, too.
            client.send("GET / HTTP/1.1\r\n").await;
            tokio::time::sleep(Duration::from_millis(index % 3 * 30)).await;
            client.send("Host: a\r\n\r\n").await;
            client.try_read("GET").await.map(|answer| answer.text())
        }));
    }
    balancer.shutdown.begin();
    for (index, client) in clients.into_iter().enumerate() {
        assert_eq!(client.await.expect("ended").as_deref(), Some("hi"), "client {index}");
    }
    tokio::time::timeout(PATIENCE, &mut balancer.running)
        .await
        .expect("in time")
        .expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_under_way_on_a_kept_connection_is_waited_for() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "drain_notice_ms = 0").await;
    let mut kept = Client::connect(balancer.address).await;
    kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(kept.read("GET").await.text(), "hi");
    kept.send("GET / HTTP/1.1\r\nHost:").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    balancer.shutdown.begin();
    tokio::time::sleep(Duration::from_millis(100)).await;
    kept.send(" a\r\n\r\n").await;
    let answer = kept.try_read("GET").await;
    assert_eq!(answer.map(|answer| answer.text()).as_deref(), Some("hi"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_end_does_not_hold_the_drain_up() {
    let app = App::saying("hi").await;
    // Both deadlines are far away: only the drain's own can end it.
    let top = "drain_notice_ms = 0\n[service]\ndrain_deadline_ms = 3600000\n[client]\nhead_ms = 3600000";
    let mut balancer = Balancer::in_front_of(&[&app], "", top).await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost:").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    balancer.shutdown.begin();
    assert_eq!(client.read("GET").await.status, 408);
    tokio::time::timeout(PATIENCE, &mut balancer.running)
        .await
        .expect("in time")
        .expect("ended");
}
