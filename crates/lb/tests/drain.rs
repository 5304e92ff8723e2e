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
