//! Whoever is too slow is not waited for. Deadlines are set short and the
//! outcome is awaited; nothing here measures time.

mod support;

use std::time::Duration;

use support::{App, Balancer, Bare, Client, PATIENCE, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SHORT: &str = "[client]\nhead_ms = 300\nidle_ms = 400\nbody_ms = 300\nsend_ms = 500";

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9110_15_5_9_a_head_that_does_not_end_is_408() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", SHORT).await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost:").await;
    let answer = client.read("GET").await;
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(client.is_closed().await);
    assert_eq!(balancer.metric("lb_timeouts_total"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_is_408_all_the_same() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", SHORT).await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\n").await;
    let answer = loop {
        client.send("X: y\r\n").await;
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(50), client.stream.readable()).await {
            answer.expect("readable");
            break client.read("GET").await;
        }
    };
    assert_eq!(answer.status, 408);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_closed_without_a_word() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", SHORT).await;
    let mut silent = Client::connect(balancer.address).await;
    assert!(silent.is_closed().await);
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.read("GET").await.status, 200);
    assert!(client.is_closed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_is_408_and_not_the_servers_fault() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", SHORT).await;
    for framing in [
        "Content-Length: 9\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ] {
        let mut client = Client::connect(balancer.address).await;
        client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\n{framing}")).await;
        let answer = client.read("PUT").await;
        assert_eq!(
            (answer.status, answer.header("connection")),
            (408, Some("close")),
            "{answer:?}"
        );
    }
    assert_eq!(balancer.metric("lb_failures_total"), 0);
    assert_eq!(balancer.metric("lb_retries_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_is_cut() {
    let large: &'static str = Box::leak("x".repeat(30_000_000).into_boxed_str());
    let app = App::saying(large).await;
    let balancer = Balancer::in_front_of(&[&app], "", SHORT).await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // Before it has been accepted nothing is open, either.
    support::eventually("under way", async || match app.count() {
        1 => Ok(()),
        count => Err(format!("{count} requests")),
    })
    .await;
    support::eventually("the connection is gone", async || {
        match balancer.metric("lb_connections_open") {
            0 => Ok(()),
            open => Err(format!("{open} open")),
        }
    })
    .await;
    assert!(client.try_read("GET").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_504() {
    let app = App::doing(|_| Reply::Hang).await;
    let balancer = Balancer::in_front_of(&[&app], "upstream.first_byte_ms = 200", "").await;
    for method in ["GET", "POST"] {
        let bytes = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(support::request(balancer.address, bytes).await.status, 504, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stops_is_cut_off() {
    let app = App::doing(|_| Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".into())).await;
    let balancer = Balancer::in_front_of(&[&app], "upstream.between_bytes_ms = 200", "").await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.try_read("GET").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_that_keeps_moving_is_waited_for() {
    let app = App::saying("thanks").await;
    let balancer = Balancer::in_front_of(&[&app], "upstream.first_byte_ms = 300", SHORT).await;
    let mut client = Client::connect(balancer.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        .await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.send("x").await;
    }
    assert_eq!(client.read("POST").await.text(), "thanks");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_limit_of_connections_idle_ones_make_room() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "[client]\nmax_connections = 8").await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(Client::connect(balancer.address).await);
    }
    let answer = support::get(balancer.address, "a", "/").await;
    assert_eq!(answer.text(), "hi");
    assert!(balancer.metric("lb_connections_open") <= 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_have_a_deadline_as_a_whole() {
    let app = App::doing(|_| Reply::Hang).await;
    let balancer = Balancer::in_front_of(&[&app], "upstream.request_ms = 300", "").await;
    assert_eq!(support::get(balancer.address, "a", "/").await.status, 504);
    // The operator's wish, and nobody's fault.
    assert_eq!((app.count(), balancer.metric("lb_failures_total")), (1, 0));

    // An answer that goes on and on is cut off.
    let server = Bare::serving(|mut stream, _, _| async move {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut sent = stream.write_all(head.as_bytes()).await;
        while sent.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sent = stream.write_all(b"1\r\nx\r\n").await;
        }
    })
    .await;
    let balancer = Balancer::in_front_of_addresses(&[server.address], "upstream.request_ms = 300", "").await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.try_read("GET").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_drips_is_408_although_every_drop_is_in_time() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut client = Client::connect(balancer.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        .await;
    let answer = loop {
        client.send("x").await;
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(100), client.stream.readable()).await {
            answer.expect("readable");
            break client.read("POST").await;
        }
    };
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sips_its_answer_is_cut_although_every_sip_is_in_time() {
    let server = Bare::serving(|mut stream, _, _| async move {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
        let mut sent = stream.write_all(head.as_bytes()).await;
        while sent.is_ok() {
            sent = stream.write_all(&[b'x'; 1 << 16]).await;
        }
    })
    .await;
    let top = "[client]\nmin_send_bytes_per_second = 50000000\nsend_ms = 60000";
    let balancer = Balancer::in_front_of_addresses(&[server.address], "", top).await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut sip = vec![0; 1 << 16];
    let read_all = async {
        while matches!(client.stream.read(&mut sip).await, Ok(1..)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, read_all).await.expect("cut in time");
    assert_eq!(balancer.metric("lb_timeouts_total"), 1);
}
