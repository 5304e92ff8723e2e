//! The life of an HTTP/2 connection: deadlines, what breaks off, and the end.
//! What goes wrong with one stream is no matter of the others.

mod support;

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use support::frames::{GOAWAY, RST_STREAM, get};
use support::http2::{Http2, read, request, text};
use support::{App, Balancer, Raw, Reply};
use tokio::time::timeout;

const SHORT: &str = "[client]\nhead_ms = 300\nidle_ms = 400\nbody_ms = 300\nsend_ms = 500";

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_is_408_on_its_own_stream() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", SHORT).await;
    let client = Http2::connect(&balancer).await;
    let (answer, mut body) = client.begin(request("POST", "/"), false).await;
    body.send_data(Bytes::from_static(b"hel"), false).expect("sent");
    let answer = timeout(support::PATIENCE, answer).await.expect("in time");
    assert_eq!(answer.expect("answered").status(), 408);
    assert_eq!(text(client.ask(request("GET", "/")).await).await, "hi");
    assert_eq!(balancer.metric("lb_failures_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_left_lying_is_reset_and_the_others_go_on() {
    let large: &'static str = Box::leak("x".repeat(3_000_000).into_boxed_str());
    let app = App::doing(move |seen| match seen.line() {
        line if line.contains("/large") => Reply::Ok(large),
        _ => Reply::Ok("hi"),
    })
    .await;
    let balancer = Balancer::in_front_of(&[&app], "", SHORT).await;
    // A window for streams that is far smaller than the answer, and no more of it.
    let mut client = Raw::with_settings(balancer.address, &[(4, 1000)]).await;
    client.request(1, &get("/large")).await;
    let reset = client
        .until(|frame| frame.stream == 1 && frame.kind == RST_STREAM)
        .await;
    assert_eq!(reset.code(), u32::from(Reason::CANCEL));
    client.request(3, &get("/")).await;
    client.until(|frame| frame.stream == 3 && frame.ends_stream()).await;
    support::eventually("the server is let go", async || {
        match balancer.metric("lb_server_in_flight") {
            0 => Ok(()),
            count => Err(format!("{count} in flight")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_5_4_1_an_idle_connection_is_ended_with_goaway() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", SHORT).await;
    let mut client = Raw::connect(balancer.address).await;
    client.request(1, &get("/")).await;
    client.until(|frame| frame.stream == 1 && frame.ends_stream()).await;
    assert_eq!(client.last_word().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_off_resets_its_stream_only() {
    let app = App::doing(|seen| match seen.line() {
        line if line.contains("/half") => Reply::RawReset(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".into()),
        _ => Reply::Ok("hi"),
    })
    .await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let client = Http2::connect(&balancer).await;
    let answer = client.ask(request("GET", "/half")).await;
    let error = read(&mut answer.into_body()).await.expect_err("cut off");
    assert!(error.is_reset(), "{error}");
    assert_eq!(text(client.ask(request("GET", "/")).await).await, "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_taken_back_lets_its_server_go() {
    let app = App::doing(|_| Reply::Hang).await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let client = Http2::connect(&balancer).await;
    let (answer, mut body) = client.begin(request("GET", "/"), true).await;
    support::eventually("under way", async || match app.count() {
        1 => Ok(()),
        count => Err(format!("{count} requests")),
    })
    .await;
    body.send_reset(Reason::CANCEL);
    drop(answer);
    support::eventually("given up", async || match balancer.metric("lb_server_in_flight") {
        0 => Ok(()),
        count => Err(format!("{count} in flight")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_6_8_a_drain_finishes_what_is_under_way_and_says_goaway() {
    let app = App::doing(|_| Reply::Slow(Duration::from_millis(700), "late")).await;
    let balancer = Balancer::in_front_of(&[&app], "", "drain_notice_ms = 0").await;
    let mut client = Raw::connect(balancer.address).await;
    client.request(1, &get("/")).await;
    support::eventually("under way", async || match balancer.metric("lb_server_in_flight") {
        1 => Ok(()),
        count => Err(format!("{count} in flight")),
    })
    .await;
    balancer.shutdown.begin();
    let goaway = client.until(|frame| frame.kind == GOAWAY).await;
    assert_eq!(goaway.code(), 0);
    client.until(|frame| frame.stream == 1 && frame.ends_stream()).await;
    // It does not even answer the ping by which the last stream is found out.
    assert_eq!(client.last_word().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_limit_of_connections_idle_ones_make_room() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "workers = 1\n[client]\nmax_connections = 4").await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut client = Raw::connect(balancer.address).await;
        client.request(1, &get("/")).await;
        client.until(|frame| frame.stream == 1 && frame.ends_stream()).await;
        held.push(client);
    }
    assert_eq!(support::get(balancer.address, "a", "/").await.text(), "hi");
}
