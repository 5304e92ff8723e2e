//! HTTP/2 over TLS: who gets it, what servers are told of it, and how it ends.

mod support;

use std::time::Duration;

use bytes::Bytes;
use support::http2::{Http2, read, request, text};
use support::tls::{NAME, Site};
use support::{App, PATIENCE, Reply, eventually, frames, get};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_3_2_who_offers_h2_gets_it_and_servers_hear_of_https() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "hsts_seconds = 60", "").await;
    for (offered, agreed) in [
        (&["h2", "http/1.1"][..], Some(&b"h2"[..])),
        (&["http/1.1", "h2"], Some(b"h2")),
        (&["h2"], Some(b"h2")),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let client = site.speaking(offered).await;
        assert_eq!(client.session().alpn_protocol(), agreed, "{offered:?}");
    }
    let client = site.connect_http2().await;
    let answer = client.ask(request("GET", "/x?y")).await;
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=60");
    assert_eq!(text(answer).await, "hi");
    let seen = app.only();
    assert_eq!(seen.line(), "GET /x?y HTTP/1.1");
    assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.header("via"), ["2 radiodeck-lb"]);
    let forwarded = seen.header("forwarded").join(",");
    assert!(forwarded.contains("proto=https"), "{forwarded}");
    assert_eq!(site.balancer.metric("lb_http2_connections_total"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_3_2_without_alpn_the_preface_is_not_understood_over_tls() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "", "").await;
    let mut client = site.speaking(&["http/1.1"]).await;
    client.send(frames::PREFACE).await;
    assert_eq!(client.read("PRI").await.status, 505);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_http_2_is_switched_off_it_is_not_offered() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "", "[http2]\nenabled = false").await;
    let mut client = site.speaking(&["h2", "http/1.1"]).await;
    assert_eq!(client.session().alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(client.get("/").await, "hi");
    // RFC 7301 3.2: nothing in common.
    let only = site.trust.speaking(&["h2"]).try_connect(site.address(), NAME).await;
    assert!(only.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn h2c_is_sent_to_https_when_told_so() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "redirect_http = true\nhsts_seconds = 60", "").await;
    let answer = Http2::connect(&site.balancer)
        .await
        .ask(request("GET", "/a%2Fb?q=1"))
        .await;
    let location = format!("https://a:{}/a%2Fb?q=1", site.address().port());
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"] == *location),
        (308, true),
        "{answer:?}"
    );
    assert!(!answer.headers().contains_key("strict-transport-security"));
    assert_eq!(app.count(), 0);
    assert_eq!(
        text(site.connect_http2().await.ask(request("GET", "/")).await).await,
        "hi"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_come_through_whole_both_ways() {
    let large: &'static str = Box::leak("0123456789".repeat(300_000).into_boxed_str());
    let app = App::saying(large).await;
    let site = Site::new(&app, "", "").await;
    let client = site.connect_http2().await;
    let mut put = request("PUT", "/");
    put.headers_mut().insert("content-length", large.len().into());
    let (answer, mut body) = client.begin(put, false).await;
    body.send_data(Bytes::from_static(large.as_bytes()), true)
        .expect("sent");
    let answer = timeout(PATIENCE, answer).await.expect("in time").expect("answered");
    let (bytes, _) = read(&mut answer.into_body()).await.expect("whole");
    assert!(bytes == large.as_bytes(), "{} bytes", bytes.len());
    assert!(app.only().body == large.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_8446_6_1_the_end_of_an_idle_connection_is_said_in_both_protocols() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "", "[client]\nidle_ms = 200").await;
    let mut client = site.speaking(&["h2"]).await;
    client
        .send([frames::PREFACE, &frames::frame(frames::SETTINGS, 0, 0, &[])].concat())
        .await;
    let get = frames::frame(
        frames::HEADERS,
        frames::END_STREAM | frames::END_HEADERS,
        1,
        &frames::get("/"),
    );
    client.send(get).await;
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, client.stream.read_to_end(&mut bytes))
        .await
        .expect("in time");
    // Without close_notify this would be an error.
    read.expect("a proper end");
    let goaway = &bytes[bytes.len() - 17..];
    assert_eq!(
        (goaway[3], &goaway[9..]),
        (frames::GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 0][..]),
        "{bytes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_finishes_streams_and_ends_idle_connections_of_both_protocols() {
    let app = App::doing(|seen| match seen.line() {
        line if line.contains("/slow") => Reply::Slow(Duration::from_millis(800), "late"),
        _ => Reply::Ok("hi"),
    })
    .await;
    let mut site = Site::new(&app, "", "drain_notice_ms = 0\nservice.drain_deadline_ms = 60000").await;
    let (busy, idle) = (site.connect_http2().await, site.connect_http2().await);
    let plain = Http2::connect(&site.balancer).await;
    let mut old = site.connect().await;
    assert_eq!(old.get("/").await, "hi");
    assert_eq!(text(idle.ask(request("GET", "/")).await).await, "hi");
    let (first, _) = busy.begin(request("GET", "/slow"), true).await;
    let (second, _) = plain.begin(request("GET", "/slow"), true).await;
    eventually("under way", async || match app.count() {
        4 => Ok(()),
        count => Err(format!("{count} seen")),
    })
    .await;
    site.balancer.shutdown.begin();
    assert!(old.is_closed().await);
    for answer in [first, second] {
        let answer = timeout(PATIENCE, answer).await.expect("in time").expect("answered");
        assert_eq!(text(answer).await, "late");
    }
    timeout(PATIENCE, &mut site.balancer.running)
        .await
        .expect("in time")
        .expect("ended");
    for client in [idle, busy, plain] {
        assert!(client.0.ready().await.is_err(), "still open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_port_serves_both_protocols_at_once() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "", "").await;
    let mut tasks = Vec::new();
    for number in 0..20 {
        if number % 2 == 0 {
            let client = site.connect_http2().await;
            tasks.push(tokio::spawn(async move {
                for _ in 0..10 {
                    assert_eq!(text(client.ask(request("GET", "/")).await).await, "hi");
                }
            }));
        } else {
            let mut client = site.connect().await;
            tasks.push(tokio::spawn(async move {
                for _ in 0..10 {
                    assert_eq!(client.get("/").await, "hi");
                }
            }));
        }
    }
    for task in tasks {
        task.await.expect("answered");
    }
    assert_eq!(app.count(), 200);
    assert_eq!(get(site.balancer.address, "a", "/").await.text(), "hi");
}
