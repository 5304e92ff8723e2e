//! HTTPS over real sockets: handshakes and their bounds, what goes over them, how
//! they end, and what a client of another kind gets on the same port.

mod support;

use support::tls::{NAME, Site, Trust, VERSIONS, address, local};
use support::{App, Balancer, Client, PATIENCE, Reply, eventually, get, request};
use tempfile::tempdir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_by_either_version_reaches_the_server_as_https() {
    let app = App::saying("hi").await;
    let directory = tempdir().expect("a directory");
    let balancer = Balancer::in_front_of(&[&app], "", &local(directory.path(), "")).await;
    for version in VERSIONS {
        let trust = Trust::in_local_ca(directory.path(), &[version]);
        for name in [NAME, "radiodeck.si", "some.radiodeck.si", "localhost", "127.0.0.1"] {
            let mut client = trust.connect(address(&balancer), name).await;
            assert_eq!(client.session().protocol_version(), Some(version.version));
            assert_eq!(client.session().alpn_protocol(), Some(&b"http/1.1"[..]));
            assert_eq!(client.get("/path?q").await, "hi");
            assert_eq!(client.get("/again").await, "hi");
        }
    }
    let seen = app.seen();
    assert_eq!(seen.len(), 20);
    for request in seen {
        assert_eq!(request.header("x-forwarded-proto"), ["https"]);
        assert_eq!(request.header("x-forwarded-for"), ["127.0.0.1"]);
    }
    // The plain port is still there and says what it is.
    get(balancer.address, "a", "/").await;
    assert_eq!(app.seen().last().expect("seen").header("x-forwarded-proto"), ["http"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_come_through_whole_both_ways() {
    let large: &'static str = Box::leak("0123456789".repeat(300_000).into_boxed_str());
    let app = App::saying(large).await;
    let site = Site::new(&app, "", "").await;
    let mut client = site.connect().await;
    client
        .send(format!(
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{large}",
            large.len()
        ))
        .await;
    let answer = client.read("PUT").await;
    assert!(answer.text() == large, "{} bytes", answer.body.len());
    assert!(app.only().body == large.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_go_on_is_ended() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "handshake_ms = 300", "").await;
    let mut silent = Client::connect(site.address()).await;
    let mut half = Client::connect(site.address()).await;
    half.send(b"\x16\x03\x01\x02\x00\x01\x00").await;
    assert!(silent.is_closed().await);
    assert!(half.is_closed().await);
    eventually("one has failed", async || {
        match site.balancer.metric("lb_tls_failed_handshakes_total") {
            1 => Ok(()),
            count => Err(format!("{count} have failed")),
        }
    })
    .await;
    assert_eq!(site.connect().await.get("/").await, "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn above_the_bound_the_oldest_handshake_is_ended() {
    let app = App::saying("hi").await;
    // No deadline can be what ends them.
    let site = Site::new(&app, "max_handshakes = 16\nhandshake_ms = 600000", "workers = 1").await;
    let mut halves = Vec::new();
    for _ in 0..18 {
        let mut half = Client::connect(site.address()).await;
        half.send(b"\x16\x03\x01\x02\x00\x01\x00").await;
        halves.push(half);
    }
    for half in &mut halves[..2] {
        assert!(half.is_closed().await);
    }
    // Whoever means it gets through all the same.
    for _ in 0..3 {
        assert_eq!(site.connect().await.get("/").await, "hi");
    }
    // Each in the place of the one before, for which one more had to go.
    eventually("three are ended", async || {
        match site.balancer.metric("lb_tls_failed_handshakes_total") {
            3 => Ok(()),
            count => Err(format!("{count} ended")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_harms_nobody() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "", "").await;
    let mut kept = site.connect().await;
    let mut state = 1u64;
    for round in 0..60u8 {
        let mut garbage: Vec<u8> = (0..2000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        // A third looks like TLS, a third nearly.
        let start: &[u8] = match round % 3 {
            0 => b"\x16\x03\x01\x07\xcb\x01",
            1 => b"\x16\x03\x01\xff\xff",
            _ => b"\x00\xff",
        };
        garbage[..start.len()].copy_from_slice(start);
        let mut client = Client::connect(site.address()).await;
        // It may be cut before all is sent.
        let _sent = client.stream.write_all(&garbage).await;
        let _sent = client.stream.shutdown().await;
        let mut answer = Vec::new();
        let _reset_or_end = timeout(PATIENCE, client.stream.read_to_end(&mut answer))
            .await
            .expect("ended");
        assert!(answer.is_empty() || answer[0] == 21, "no alert: {answer:?}");
    }
    assert_eq!(kept.get("/").await, "hi");
    assert_eq!(site.connect().await.get("/").await, "hi");
    eventually("all are gone", async || {
        match site.balancer.metric("lb_connections_open") {
            0..=2 => Ok(()),
            open => Err(format!("{open} open")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_on_the_port_is_told_so() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "", "").await;
    let answer = get(site.address(), "a", "/").await;
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    assert!(answer.text().contains("this port speaks HTTPS"), "{answer:?}");
    assert_eq!(app.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_answered_over_tls_as_they_are_without() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "", "").await;
    let mut client = site.connect().await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    let answer = client.read("GET").await;
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    assert!(client.is_closed().await);
    assert_eq!(app.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_8446_6_1_the_end_of_a_connection_is_said() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "", "[client]\nidle_ms = 200").await;
    let mut idle = site.connect().await;
    idle.get("/").await;
    let mut asked = site.connect().await;
    asked
        .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(asked.read("GET").await.status, 200);
    for client in [&mut idle, &mut asked] {
        // Without close_notify this would be an error.
        let read = timeout(PATIENCE, client.stream.read(&mut [0; 16]))
            .await
            .expect("in time");
        assert_eq!(read.expect("a proper end"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_closed_its_side_still_gets_its_answer() {
    let app = App::doing(|_| Reply::Slow(std::time::Duration::from_millis(100), "late")).await;
    let site = Site::new(&app, "", "").await;
    let mut polite = site.connect().await;
    polite.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    polite.stream.shutdown().await.expect("closed");
    assert_eq!(polite.read("GET").await.text(), "late");
    // Without a word, as many do it.
    let mut rude = site.connect().await;
    rude.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    rude.stream.flush().await.expect("sent");
    rude.stream.get_mut().0.shutdown().await.expect("closed");
    assert_eq!(rude.read("GET").await.text(), "late");

    // A request of which a part is missing stays what it is, however it is cut.
    let half = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello";
    let mut plain = Client::connect(site.balancer.address).await;
    plain.send(half).await;
    plain.stream.shutdown().await.expect("closed");
    let expected = plain.read("PUT").await.status;
    assert_eq!(expected / 100, 4);
    let (mut polite, mut rude) = (site.connect().await, site.connect().await);
    polite.send(half).await;
    polite.stream.shutdown().await.expect("closed");
    rude.send(half).await;
    rude.stream.flush().await.expect("sent");
    rude.stream.get_mut().0.shutdown().await.expect("closed");
    for client in [&mut polite, &mut rude] {
        assert_eq!(client.read("PUT").await.status, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_answer_is_not_cut_off_because_the_client_is_idle() {
    let app = App::doing(|seen| {
        let size = seen.line().split(['/', ' ']).nth(2).and_then(|size| size.parse().ok());
        let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", size.unwrap_or(0)).into_bytes();
        answer.resize(answer.len() + size.unwrap_or(0), b'x');
        Reply::Raw(answer)
    })
    .await;
    let site = Site::new(&app, "", "[client]\nidle_ms = 100").await;
    // For one of these sizes the kernel has taken all but what TLS holds.
    let mut waiting = Vec::new();
    for size in (1..100).map(|step| step * 60_000) {
        let mut client = site.connect().await;
        client.send(format!("GET /{size} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        waiting.push((size, client));
    }
    tokio::time::sleep(std::time::Duration::from_millis(1000)).await;
    for (size, mut client) in waiting {
        let answer = client.try_read("GET").await;
        assert_eq!(answer.map(|answer| answer.body.len()), Some(size));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_finishes_requests_and_ends_idle_connections_and_handshakes() {
    let app = App::doing(|_| Reply::Slow(std::time::Duration::from_millis(800), "late")).await;
    let mut site = Site::new(
        &app,
        "handshake_ms = 600000",
        "drain_notice_ms = 0\nservice.drain_deadline_ms = 60000",
    )
    .await;
    let mut idle = site.connect().await;
    idle.get("/").await;
    let mut half = Client::connect(site.address()).await;
    half.send(b"\x16\x03\x01").await;
    let mut busy = site.connect().await;
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually("under way", async || {
        if app.count() == 2 {
            Ok(())
        } else {
            Err("not yet".into())
        }
    })
    .await;
    site.balancer.shutdown.begin();
    assert!(idle.is_closed().await);
    let answer = busy.read("GET").await;
    assert_eq!((&*answer.text(), answer.header("connection")), ("late", Some("close")));
    assert!(half.is_closed().await);
    timeout(PATIENCE, &mut site.balancer.running)
        .await
        .expect("in time")
        .expect("ended");
    assert!(tokio::net::TcpStream::connect(site.address()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_sent_to_https_when_told_so() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "redirect_http = true", "").await;
    let port = site.address().port();
    let answer = get(site.balancer.address, "site.example:8080", "/a%2Fb?q=1").await;
    let location = format!("https://site.example:{port}/a%2Fb?q=1");
    assert_eq!((answer.status, answer.header("location")), (308, Some(&*location)));
    assert_eq!(get(site.balancer.address, "a", "/.lb/health").await.status, 200);
    assert_eq!(app.count(), 0);
    // A stranger is not believed.
    let claims = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n";
    assert_eq!(request(site.balancer.address, claims).await.status, 308);
    assert_eq!(site.connect().await.get("/").await, "hi");

    let trusting = "[client]\ntrusted_proxies = [\"127.0.0.0/8\"]";
    let site = Site::new(&app, "redirect_http = true\npublic_port = 443", trusting).await;
    assert_eq!(request(site.balancer.address, claims).await.text(), "hi");
    let answer = get(site.balancer.address, "site.example:80", "/").await;
    assert_eq!(answer.header("location"), Some("https://site.example/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hsts_is_the_balancers_over_tls_and_the_servers_without() {
    let app = App::doing(|_| {
        Reply::Raw(b"HTTP/1.1 200 OK\r\nstrict-transport-security: max-age=1\r\ncontent-length: 0\r\n\r\n".into())
    })
    .await;
    for (tls, over_tls) in [("", "max-age=1"), ("hsts_seconds = 31536000", "max-age=31536000")] {
        let site = Site::new(&app, tls, "").await;
        let mut client = site.connect().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = client.read("GET").await;
        assert_eq!(answer.header("strict-transport-security"), Some(over_tls));
        assert_eq!(
            answer
                .head
                .to_ascii_lowercase()
                .matches("strict-transport-security")
                .count(),
            1
        );
        // And its answer to what is no request.
        client.send("NONSENSE\r\n\r\n").await;
        let answer = client.read("GET").await;
        let ours = Some(over_tls).filter(|_| !tls.is_empty());
        assert_eq!((answer.status, answer.header("strict-transport-security")), (400, ours));
        let answer = get(site.balancer.address, "a", "/").await;
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=1"));
    }
}
