//! A server that breaks its answers off fails its requests as much as one that does
//! not answer: what the client has seen of them cannot be taken back, but the next
//! ones shall go elsewhere.

mod support;

use support::{App, Balancer, Client, Reply};

const POOL: &str = "check.interval_ms = 50\nejection.failures = 3\nejection.base_ms = 60000";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cuts_every_answer_is_ejected_though_its_checks_pass() {
    let good = App::saying("good").await;
    let bad = App::doing(|_| Reply::RawClose(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec())).await;
    let balancer = Balancer::in_front_of(&[&good, &bad], POOL, "workers = 1").await;
    let mut cut = 0;
    for _ in 0..40 {
        let mut client = Client::connect(balancer.address).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        match client.try_read("GET").await {
            Some(answer) => assert_eq!(answer.text(), "good"),
            None => cut += 1,
        }
    }
    assert_eq!((cut, bad.count()), (3, 3), "three failures eject");
    assert_eq!(balancer.metric("lb_ejections_total"), 1);
    assert_eq!(balancer.metric("lb_failures_total"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_the_middle_of_an_answer_is_nobodys_failure() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
    let app = App::doing(move |_| Reply::Raw([head.as_bytes(), &[b'x'; 1 << 20]].concat())).await;
    let balancer = Balancer::in_front_of(&[&app], POOL, "workers = 1").await;
    for _ in 0..5 {
        let mut client = Client::connect(balancer.address).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.stream.readable().await.expect("an answer");
    }
    support::eventually("all gone", async || match balancer.metric("lb_connections_open") {
        0 => Ok(()),
        open => Err(format!("{open} open")),
    })
    .await;
    assert_eq!(balancer.metric("lb_failures_total"), 0);
}
