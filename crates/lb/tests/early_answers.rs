//! Answers that come before the request has ended, and those that come before
//! the answer.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::http2::{self, Http2};
use support::{App, Balancer, Bare, Client, PATIENCE, eventually, get};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const TOO_LARGE: &str = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo much";

async fn in_front_of(server: &Bare) -> Balancer {
    Balancer::in_front_of_addresses(&[server.address], "", "workers = 1").await
}

fn post(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_arrives_at_a_client_that_sends_all_before_it_looks() {
    const SIZE: usize = 20_000_000;
    // Closes with most of the body unread, which makes it a reset.
    let server = Bare::serving(|mut stream, _, _| async move {
        let _sent = stream.write_all(TOO_LARGE.as_bytes()).await;
    })
    .await;
    let balancer = in_front_of(&server).await;
    let body = vec![b'x'; SIZE];
    for round in 0..20 {
        let mut client = Client::connect(balancer.address).await;
        client.send(post(SIZE)).await;
        client.send(&body).await;
        let answer = client.read("POST").await;
        assert_eq!((answer.status, &*answer.text()), (413, "too much"), "round {round}");
        // RFC 9112 9.3: what was not read cannot be told from a next request.
        assert_eq!(answer.header("connection"), Some("close"), "round {round}");
        assert!(client.is_closed().await);
    }
    assert_eq!(balancer.metric("lb_failures_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_length_that_breaks_off_beside_its_request_is_seen_to_break_off() {
    // Whoever writes learns of the reset first, and then it looks to the reader like
    // an end.
    let server = Bare::serving(|mut stream, _, _| async move {
        let _sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").await;
        let _some = stream.read_exact(&mut vec![0; 1_000_000]).await;
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .expect("an option");
    })
    .await;
    let balancer = in_front_of(&server).await;
    let body = vec![b'x'; 5_000_000];
    for round in 0..20 {
        let mut client = Client::connect(balancer.address).await;
        client.send(post(body.len())).await;
        let _reset_on_the_way = client.stream.write_all(&body).await;
        let answer = client.try_read("POST").await;
        assert!(
            answer.as_ref().is_none_or(|answer| answer.status == 502),
            "round {round}: {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2025_4366_a_connection_with_half_a_request_on_it_is_not_used_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let server = Bare::serving({
        let connections = connections.clone();
        move |mut stream, head, _| {
            connections.fetch_add(1, Ordering::Relaxed);
            async move {
                let answer = if head.starts_with("PUT") {
                    TOO_LARGE
                } else {
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmine"
                };
                stream.write_all(answer.as_bytes()).await.expect("sent");
                // Keeps the connection, and whatever comes is part of that body.
                let mut rest = Vec::new();
                let _ended = stream.read_to_end(&mut rest).await;
                assert!(!rest.windows(3).any(|window| window == b"GET"), "{head}");
            }
        }
    })
    .await;
    let balancer = in_front_of(&server).await;
    for _ in 0..10 {
        let mut client = Client::connect(balancer.address).await;
        client
            .send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly this")
            .await;
        assert_eq!(client.read("PUT").await.status, 413);
        assert_eq!(get(balancer.address, "a", "/").await.text(), "mine");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_to_send_its_body_gets_a_refusal_instead() {
    for status in ["401 Unauthorized", "413 Content Too Large", "417 Expectation Failed"] {
        let server = Bare::serving(move |mut stream, _, _| async move {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno");
            let _sent = stream.write_all(answer.as_bytes()).await;
            tokio::time::sleep(PATIENCE).await;
        })
        .await;
        let balancer = in_front_of(&server).await;
        let mut client = Client::connect(balancer.address).await;
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            .await;
        let mut answer = client.read("POST").await;
        if answer.status == 100 {
            answer = client.read("POST").await;
        }
        assert!(status.starts_with(&answer.status.to_string()), "{status}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(client.is_closed().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_run_beside_the_request_it_answers() {
    let server = Bare::serving(|mut stream, _, rest| async move {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(&rest).await.expect("sent");
        let (mut from, mut to) = stream.split();
        let _ended = tokio::io::copy(&mut from, &mut to).await;
    })
    .await;
    let balancer = in_front_of(&server).await;
    let mut client = Client::connect(balancer.address).await;
    client.send(post(10)).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.stream.read_u8().await.expect("a head"));
    }
    for byte in b'0'..=b'9' {
        client.send([byte]).await;
        client.expect([byte]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9110_15_2_informational_answers_come_in_any_number_and_not_for_ever() {
    const HINT: &str = "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";
    let server = Bare::serving(|mut stream, head, _| async move {
        if head.starts_with("GET /some") {
            for _ in 0..300 {
                stream.write_all(HINT.as_bytes()).await.expect("sent");
            }
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
            stream.write_all(answer.as_bytes()).await.expect("sent");
            tokio::time::sleep(Duration::from_secs(1)).await;
        } else {
            let many = HINT.repeat(100);
            while stream.write_all(many.as_bytes()).await.is_ok() {}
        }
    })
    .await;
    let balancer = in_front_of(&server).await;
    assert_eq!(get(balancer.address, "a", "/some").await.text(), "hi");
    assert_eq!(get(balancer.address, "a", "/forever").await.status, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_neither_sends_its_body_nor_takes_the_answer_is_cut() {
    let server = Bare::serving(|mut stream, _, _| async move {
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while sent.is_ok() {
            sent = stream.write_all(&[b'x'; 1 << 16]).await;
        }
    })
    .await;
    let top = "workers = 1\n[client]\nbody_ms = 300\nsend_ms = 1000";
    let balancer = Balancer::in_front_of_addresses(&[server.address], "", top).await;
    let mut client = Client::connect(balancer.address).await;
    client.send(post(1000)).await;
    client.stream.readable().await.expect("an answer");
    eventually("the connection is gone", async || {
        match balancer.metric("lb_connections_open") {
            0 => Ok(()),
            open => Err(format!("{open} open")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_so_does_a_client_of_http_2() {
    for status in [401, 413, 417] {
        let server = Bare::serving(move |mut stream, head, _| async move {
            assert!(!head.to_ascii_lowercase().contains("expect:"), "{head}");
            let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno");
            let _sent = stream.write_all(answer.as_bytes()).await;
            tokio::time::sleep(PATIENCE).await;
        })
        .await;
        let balancer = in_front_of(&server).await;
        let client = Http2::connect(&balancer).await;
        let mut post = http2::request("POST", "/");
        post.headers_mut()
            .insert("expect", "100-continue".parse().expect("a value"));
        post.headers_mut().insert("content-length", 5.into());
        let (answer, _body) = client.begin(post, false).await;
        let answer = timeout(PATIENCE, answer).await.expect("in time").expect("answered");
        assert_eq!(answer.status(), status);
        assert_eq!(http2::text(answer).await, "no");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9110_10_1_1_nobody_is_told_to_go_on_while_there_is_no_server() {
    let dead = App::saying("unused").await;
    let balancer = Balancer::in_front_of(&[&dead], "check.interval_ms = 60000", "").await;
    dead.kill().await;
    let mut client = Client::connect(balancer.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        .await;
    assert_eq!(client.read("POST").await.status, 502);
}
