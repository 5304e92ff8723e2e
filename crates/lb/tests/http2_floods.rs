//! Floods, each named after what made it known. Each ends its own connection
//! with ENHANCE_YOUR_CALM, and a bystander's request is answered afterwards.

mod support;

use std::time::Duration;

use support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, block,
    frame, get,
};
use support::{App, Balancer, Raw, Reply};

const CALM: u32 = 11;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

async fn hanging() -> (App, Balancer) {
    let app = App::doing(|seen| match seen.line() {
        line if line.contains("/hang") => Reply::Hang,
        _ => Reply::Ok("hi"),
    })
    .await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    (app, balancer)
}

/// Floods with what `wave` makes of a number until the connection is ended.
async fn flood(balancer: &Balancer, settings: &[(u16, u32)], wave: impl Fn(u32) -> Vec<u8>) {
    let mut bystander = Raw::connect(balancer.address).await;
    let mut raw = Raw::with_settings(balancer.address, settings).await;
    for number in 0..2000 {
        if !raw.bytes(&wave(number)).await {
            break;
        }
    }
    assert_eq!(raw.last_word().await, Some(CALM));
    assert_eq!(balancer.metric("lb_http2_floods_total"), 1);
    bystander.request(1, &get("/")).await;
    bystander.until(|frame| frame.stream == 1 && frame.ends_stream()).await;
    assert_eq!(support::get(balancer.address, "a", "/").await.text(), "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2023_44487_rapid_reset() {
    let (app, balancer) = hanging().await;
    flood(&balancer, &[], |number| {
        let stream = 2 * number + 1;
        let request = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get("/hang"));
        [request, frame(RST_STREAM, 0, stream, &CANCEL)].concat()
    })
    .await;
    assert!(app.count() < 100, "{} requests reached the server", app.count());
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_reset_in_slow_motion_is_counted_for_a_lifetime() {
    let (_app, balancer) = hanging().await;
    let mut raw = Raw::connect(balancer.address).await;
    for number in 0..51 {
        let stream = 2 * number + 1;
        raw.request(stream, &get("/hang")).await;
        raw.send(RST_STREAM, 0, stream, &CANCEL).await;
        if number % 10 == 9 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(raw.last_word().await, Some(CALM));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_taken_back_while_they_are_answered_are_no_attack() {
    let app = App::doing(|_| Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".into())).await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut raw = Raw::connect(balancer.address).await;
    for number in 0..80 {
        let stream = 2 * number + 1;
        raw.request(stream, &get("/")).await;
        raw.until(|frame| frame.stream == stream && frame.kind == HEADERS).await;
        raw.send(RST_STREAM, 0, stream, &CANCEL).await;
    }
    raw.send(PING, 0, 0, &[7; 8]).await;
    raw.until(|frame| frame.kind == PING && frame.payload == [7; 8]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2024_27316_continuation() {
    let (_app, balancer) = hanging().await;
    flood(&balancer, &[], |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, &get("/")),
        _ => frame(CONTINUATION, 0, 1, &block(&[("x", "y")])),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2024_27316_continuation_that_carries_nothing() {
    let (_app, balancer) = hanging().await;
    flood(&balancer, &[], |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, &get("/")),
        _ => frame(CONTINUATION, 0, 1, &[]),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2019_9512_ping() {
    let (_app, balancer) = hanging().await;
    flood(&balancer, &[], |_| frame(PING, 0, 0, &[0; 8])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2019_9515_settings() {
    let (_app, balancer) = hanging().await;
    flood(&balancer, &[], |_| frame(SETTINGS, 0, 0, &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2019_9518_empty_data() {
    let (_app, balancer) = hanging().await;
    let post = block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/"),
    ]);
    flood(&balancer, &[], |number| match number {
        0 => frame(HEADERS, END_HEADERS, 1, &post),
        _ => frame(DATA, 0, 1, &[]),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2019_9513_priority() {
    let (_app, balancer) = hanging().await;
    flood(&balancer, &[], |number| frame(PRIORITY, 0, 2 * number + 1, &[0; 5])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_unknown_types() {
    let (_app, balancer) = hanging().await;
    flood(&balancer, &[], |_| frame(0xee, 0, 0, &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2019_9511_window_updates() {
    let (_app, balancer) = hanging().await;
    flood(&balancer, &[], |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2025_8671_made_you_reset() {
    let (app, balancer) = hanging().await;
    // A window that overflows is a mistake that the server has to answer with a
    // reset, while the request goes on behind it.
    flood(&balancer, &[], |number| {
        let stream = 2 * number + 1;
        let request = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get("/hang"));
        [request, frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff])].concat()
    })
    .await;
    support::eventually("nothing is worked at for the attacker", async || {
        match balancer.metric("lb_server_in_flight") {
            0 => Ok(()),
            count => Err(format!("{count} in flight, {} seen", app.count())),
        }
    })
    .await;
}

/// A small head that says it is large: the first request fills the table, those
/// that follow name its entry again and again.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2016_6581_hpack_bomb() {
    let (app, balancer) = hanging().await;
    let mut raw = Raw::connect(balancer.address).await;
    let mut first = get("/");
    // Literal with incremental indexing: x = 3000 bytes (RFC 7541 6.2.1, 5.1).
    first.extend([0x40, 1, b'x', 0x7f, 0xb9, 0x16]);
    first.extend([b'y'; 3000]);
    raw.request(1, &first).await;
    raw.until(|frame| frame.stream == 1 && frame.ends_stream()).await;
    let mut bomb = get("/bomb");
    bomb.extend(std::iter::repeat_n(0x80 | 62, 16_000));
    raw.request(3, &bomb).await;
    assert_eq!(raw.last_word().await, Some(CALM));
    assert_eq!(app.count(), 1);
    assert_eq!(support::get(balancer.address, "a", "/").await.text(), "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_10_5_1_a_head_that_is_too_large_is_431_and_the_connection_goes_on() {
    let (app, balancer) = hanging().await;
    let mut raw = Raw::connect(balancer.address).await;
    let mut first = get("/");
    first.extend([0x40, 1, b'x', 0x7f, 0xb9, 0x16]);
    first.extend([b'y'; 3000]);
    raw.request(1, &first).await;
    raw.until(|frame| frame.stream == 1 && frame.ends_stream()).await;
    // 20 times 3 KB is more than 48 KB, and less than four times as much.
    let mut large = get("/large");
    large.extend(std::iter::repeat_n(0x80 | 62, 20));
    raw.request(3, &large).await;
    raw.until(|frame| frame.stream == 3 && frame.kind == HEADERS).await;
    raw.request(5, &get("/")).await;
    raw.until(|frame| frame.stream == 5 && frame.ends_stream()).await;
    assert_eq!(app.count(), 2);
}

/// Heads that never end are held for a while, and no more of them than there is
/// memory set aside for.
#[tokio::test(flavor = "multi_thread")]
async fn heads_that_do_not_end_are_given_up() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "[client]\nhead_ms = 300").await;
    let mut raw = Raw::connect(balancer.address).await;
    raw.send(HEADERS, END_STREAM, 1, &get("/")).await;
    assert_eq!(raw.last_word().await, Some(CALM));
    assert_eq!(balancer.metric("lb_timeouts_total"), 1);
    assert!(app.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_do_not_end_take_no_more_memory_than_they_may() {
    let app = App::saying("hi").await;
    let limits = "workers = 1\n[client]\nmax_unfinished_heads_bytes = 262144";
    let balancer = Balancer::in_front_of(&[&app], "", limits).await;
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::connect(balancer.address).await;
        let mut head = get("/");
        head.extend([0, 1, b'x', 0x7f, 0xb9, 0x76]);
        raw.bytes(&frame(HEADERS, END_STREAM, 1, &[head, vec![b'y'; 15_000]].concat()))
            .await;
        raw.send(CONTINUATION, 0, 1, &[b'y'; 200]).await;
        held.push(raw);
    }
    support::eventually("some are ended", async || {
        match balancer.metric("lb_http2_floods_total") {
            0 => Err("none".into()),
            _ => Ok(()),
        }
    })
    .await;
    assert_eq!(support::get(balancer.address, "a", "/").await.text(), "hi");
}
