//! More requests than can be answered.

mod support;

use std::time::Duration;

use support::{App, Balancer, Client, Reply, eventually, get};

async fn ask(balancer: &Balancer, request: &str) -> Client {
    let mut client = Client::connect(balancer.address).await;
    client.send(request).await;
    client
}

/// Closing alone would say only that no more requests come.
fn reset(client: Client) {
    let socket = socket2::SockRef::from(&client.stream);
    socket.set_linger(Some(Duration::ZERO)).expect("an option");
}

async fn in_flight(balancer: &Balancer, count: u64) {
    eventually("under way", async || match balancer.metric("lb_server_in_flight") {
        now if now == count => Ok(()),
        now => Err(format!("{now} in flight")),
    })
    .await;
}

const GET: &str = "GET / HTTP/1.1\r\nHost: api.a\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn above_the_limit_of_requests_clients_are_told_to_come_back() {
    let app = App::doing(|_| Reply::Hang).await;
    let balancer = Balancer::in_front_of(&[&app], "", "workers = 1\nclient.max_requests = 2").await;
    let held = [ask(&balancer, GET).await, ask(&balancer, GET).await];
    in_flight(&balancer, 2).await;
    let mut third = ask(&balancer, GET).await;
    let answer = third.read("GET").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(get(balancer.address, "a", "/.lb/health").await.status, 200);
    assert_eq!(balancer.metric("lb_overloaded_total"), 1);
    assert_eq!(app.count(), 2);
    // A client that goes away leaves its place, and the connection is as good as before.
    held.into_iter().for_each(reset);
    in_flight(&balancer, 0).await;
    third.send(GET).await;
    in_flight(&balancer, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_at_its_limit_refuses_and_counts_it() {
    let app = App::doing(|_| Reply::Hang).await;
    let pool = "concurrency.min = 1\nconcurrency.max = 1";
    let top = "workers = 1\n[[routes]]\nhost = \"api.a\"\npool = \"app\"";
    let balancer = Balancer::in_front_of(&[&app], pool, top).await;
    let held = ask(&balancer, GET).await;
    in_flight(&balancer, 1).await;
    let mut second = ask(
        &balancer,
        "POST / HTTP/1.1\r\nHost: api.a\r\nContent-Length: 2\r\n\r\nhi",
    )
    .await;
    let answer = second.read("POST").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(balancer.metric("lb_shed_total"), 1);
    assert_eq!(balancer.metric("lb_failures_total"), 0);
    assert_eq!(app.count(), 1);
    reset(held);
    in_flight(&balancer, 0).await;
    let _next = ask(&balancer, GET).await;
    in_flight(&balancer, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_begun_takes_no_place_in_the_pool() {
    let app = App::doing(|seen| match seen.line() {
        "GET /stream HTTP/1.1" => Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst".into()),
        _ => Reply::Ok("good"),
    })
    .await;
    let pool = "concurrency.min = 1\nconcurrency.max = 1";
    let balancer = Balancer::in_front_of(&[&app], pool, "workers = 1").await;
    let _stream = ask(&balancer, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n").await;
    in_flight(&balancer, 1).await;
    eventually("the stream has begun", async || {
        match get(balancer.address, "a", "/").await.status {
            200 => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_a_pool_falls_when_its_servers_become_slow() {
    let app = App::doing(|seen| match seen.line() {
        "GET /slow HTTP/1.1" => Reply::Slow(Duration::from_millis(100), "slow"),
        _ => Reply::Ok("quick"),
    })
    .await;
    let pool = "concurrency = { min = 2, max = 100, tolerance_percent = 200, unhurried_ms = 50 }";
    let balancer = Balancer::in_front_of(&[&app], pool, "").await;
    for _ in 0..50 {
        assert_eq!(get(balancer.address, "a", "/").await.status, 200);
    }
    assert_eq!(balancer.metric("lb_concurrency_limit"), 100);
    eventually("a limit low enough to refuse", async || {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let address = balancer.address;
                tokio::spawn(async move { get(address, "a", "/slow").await.status })
            })
            .collect();
        for task in tasks {
            let status = task.await.expect("answered");
            assert!(matches!(status, 200 | 503), "{status}");
        }
        match balancer.metric("lb_shed_total") {
            0 => Err(format!("the limit is {}", balancer.metric("lb_concurrency_limit"))),
            _ => Ok(()),
        }
    })
    .await;
    assert!(balancer.metric("lb_concurrency_limit") < 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_its_client_is_still_sending_takes_no_place_in_the_pool() {
    let app = App::saying("good").await;
    let pool = "concurrency.min = 1\nconcurrency.max = 1";
    let balancer = Balancer::in_front_of(&[&app], pool, "workers = 1").await;
    let mut upload = ask(
        &balancer,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
    )
    .await;
    in_flight(&balancer, 1).await;
    eventually("room for others", async || {
        match get(balancer.address, "a", "/").await.status {
            200 => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
    upload.send("a body").await;
    assert_eq!(upload.read("POST").await.text(), "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_do_not_lower_the_limit_of_a_pool() {
    let app = App::saying("good").await;
    let pool = "concurrency = { min = 2, max = 100, tolerance_percent = 200, unhurried_ms = 50 }";
    let balancer = Balancer::in_front_of(&[&app], pool, "").await;
    for _ in 0..50 {
        assert_eq!(get(balancer.address, "a", "/").await.status, 200);
    }
    for _ in 0..8 {
        let mut uploads = Vec::new();
        for _ in 0..10 {
            let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
            uploads.push(ask(&balancer, head).await);
        }
        in_flight(&balancer, 10).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        for upload in &mut uploads {
            upload.send("a body").await;
            assert_eq!(upload.read("POST").await.text(), "good");
        }
    }
    assert_eq!(balancer.metric("lb_concurrency_limit"), 100);
}
