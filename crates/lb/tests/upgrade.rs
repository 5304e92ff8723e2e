//! Upgrades (RFC 9110 7.8): a connection becomes a tunnel when a server says
//! so, and not a moment before.

mod support;

use std::time::Duration;

use support::{App, Balancer, Bare, Client, PATIENCE, Reply, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Switches and sends back whatever it gets, with `first` before it.
async fn echo(first: &'static str) -> Bare {
    Bare::serving(move |mut stream, _, rest| async move {
        stream
            .write_all(format!("{SWITCH}{first}").as_bytes())
            .await
            .expect("sent");
        stream.write_all(&rest).await.expect("sent");
        let (mut from, mut to) = stream.split();
        let _ended = tokio::io::copy(&mut from, &mut to).await;
        let _shut = to.shutdown().await;
    })
    .await
}

async fn in_front_of(server: &Bare, top: &str) -> Balancer {
    Balancer::in_front_of_addresses(&[server.address], "", top).await
}

async fn tunnel(balancer: &Balancer) -> Client {
    let mut client = Client::connect(balancer.address).await;
    client.send(ASK).await;
    let answer = client.read("GET").await;
    assert_eq!(answer.status, 101, "{answer:?}");
    client
}

async fn is_over(balancer: &Balancer) {
    eventually("the tunnel is over", async || {
        let open = ["lb_tunnels_open", "lb_server_in_flight", "lb_connections_open"].map(|name| balancer.metric(name));
        if open == [0, 0, 0] {
            Ok(())
        } else {
            Err(format!("{open:?}"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_pass_both_ways_after_101_and_each_side_may_end_first() {
    let server = echo("welcome").await;
    let balancer = in_front_of(&server, "").await;
    let mut client = tunnel(&balancer).await;
    client.expect(b"welcome").await;
    for text in ["one", "GET / HTTP/1.1\r\n\r\n", "\0\r\n"] {
        client.send(text).await;
        client.expect(text.as_bytes()).await;
    }
    assert_eq!(balancer.metric("lb_tunnels_open"), 1);
    assert_eq!(balancer.metric("lb_server_in_flight"), 1);
    assert_eq!(balancer.metric("lb_connections_open"), 1);
    client.send("last").await;
    client.stream.shutdown().await.expect("shut down");
    let mut rest = String::new();
    timeout(PATIENCE, client.stream.read_to_string(&mut rest))
        .await
        .expect("in time")
        .expect("ended");
    assert_eq!(rest, "last");
    is_over(&balancer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_asked_for_exactly_what_the_client_wants() {
    let (heads, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let server = Bare::serving(move |mut stream, head, _| {
        heads.send(head).expect("heard");
        async move {
            let _sent = stream.write_all(SWITCH.as_bytes()).await;
        }
    })
    .await;
    let balancer = in_front_of(&server, "").await;
    let mut client = Client::connect(balancer.address).await;
    client
        .send(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, X-Hop, TE\r\nUpgrade: h2c, websocket\r\n\
             HTTP2-Settings: AAMAAABk\r\nX-Hop: 1\r\nTE: trailers\r\nSec-WebSocket-Protocol: x\r\n\r\n",
        )
        .await;
    let answer = client.read("GET").await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("connection"), Some("upgrade"), "{answer:?}");
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("content-length"), None);
    let head = seen.recv().await.expect("a head").to_ascii_lowercase();
    let lines = |name: &str| head.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(lines("connection:"), ["connection: upgrade"], "{head}");
    assert_eq!(lines("upgrade:"), ["upgrade: websocket"], "{head}");
    assert_eq!(lines("sec-websocket-protocol:"), ["sec-websocket-protocol: x"]);
    for gone in ["http2-settings:", "x-hop:", "te:"] {
        assert_eq!(lines(gone), [""; 0], "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_is_none_is_not_passed_on() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for (request, why) in [
        (
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
            "no connection option",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n",
            "no protocol",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
            "HTTP/2",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: TLS/1.2\r\n\r\n",
            "TLS",
        ),
        (
            "GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.0",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi",
            "a body",
        ),
    ] {
        assert_eq!(support::request(balancer.address, request).await.text(), "hi", "{why}");
        let seen = app.seen().pop().expect("seen");
        assert_eq!(seen.header("upgrade"), [""; 0], "{why}");
        assert_eq!(seen.header("connection"), [""; 0], "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_2833_what_follows_a_request_to_upgrade_waits_for_the_answer() {
    // Switched: it is for the tunnel, and nobody reads it as a request.
    let server = echo("").await;
    let balancer = in_front_of(&server, "").await;
    let behind = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nand \0 more";
    for cut in [0, 10, ASK.len() - 2, ASK.len(), ASK.len() + 9] {
        let mut client = Client::connect(balancer.address).await;
        let whole = format!("{ASK}{behind}");
        client.send(&whole[..cut]).await;
        if cut > 0 {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        client.send(&whole[cut..]).await;
        assert_eq!(client.read("GET").await.status, 101, "cut at {cut}");
        client.expect(behind.as_bytes()).await;
    }
    assert_eq!(balancer.metric("lb_requests_total"), 5);

    // Not switched: it is a next request, read as strictly as any.
    let app = App::doing(|seen| match seen.line() {
        "GET /chat HTTP/1.1" => Reply::Raw(b"HTTP/1.1 426 No\r\nContent-Length: 2\r\n\r\nno".into()),
        _ => Reply::Ok("next"),
    })
    .await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut client = Client::connect(balancer.address).await;
    let get = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(format!("{get}{ASK}{ASK}{get}{}", &get[..10])).await;
    for (status, text) in [(200, "next"), (426, "no"), (426, "no"), (200, "next")] {
        let answer = client.read("GET").await;
        assert_eq!((answer.status, &*answer.text()), (status, text));
    }
    client.send(&get[10..]).await;
    assert_eq!(client.read("GET").await.text(), "next");
    client
        .send(format!("{ASK}GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"))
        .await;
    assert_eq!(client.read("GET").await.status, 426);
    assert_eq!(client.read("GET").await.status, 400);
    assert_eq!(app.count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9110_15_2_2_a_switch_that_was_not_asked_for_is_502() {
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.0 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ] {
        let server = Bare::serving(move |mut stream, _, _| async move {
            let _sent = stream.write_all(answer.as_bytes()).await;
            tokio::time::sleep(PATIENCE).await;
        })
        .await;
        let balancer = in_front_of(&server, "").await;
        assert_eq!(support::request(balancer.address, ASK).await.status, 502, "{answer:?}");
        assert_eq!(balancer.metric("lb_tunnels_total"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_takes_nothing_holds_the_other_back_and_all_arrives_in_the_end() {
    const SIZE: usize = 60_000_000;
    let server = Bare::serving(move |mut stream, _, _| async move {
        stream.write_all(SWITCH.as_bytes()).await.expect("sent");
        stream.write_all(&vec![b'x'; SIZE]).await.expect("sent");
    })
    .await;
    let balancer = in_front_of(&server, "[client]\nsend_ms = 300").await;
    let mut client = tunnel(&balancer).await;
    // Longer than an answer may wait: in a tunnel, silence is no fault.
    tokio::time::sleep(Duration::from_millis(800)).await;
    client.expect(vec![b'x'; SIZE]).await;
    assert!(client.is_closed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_breaks_off_is_seen_to_break_off() {
    let server = Bare::serving(|mut stream, _, _| async move {
        stream.write_all(SWITCH.as_bytes()).await.expect("sent");
        let mut byte = [0];
        stream.read_exact(&mut byte).await.expect("a byte");
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .expect("an option");
    })
    .await;
    let balancer = in_front_of(&server, "").await;
    let mut client = tunnel(&balancer).await;
    client.send("x").await;
    let read = timeout(PATIENCE, client.stream.read(&mut [0; 8]))
        .await
        .expect("in time");
    assert!(read.is_err(), "{read:?}");
    is_over(&balancer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_breaks_off_ends_the_tunnel() {
    let server = echo("").await;
    let balancer = in_front_of(&server, "").await;
    let client = tunnel(&balancer).await;
    socket2::SockRef::from(&client.stream)
        .set_linger(Some(Duration::ZERO))
        .expect("an option");
    drop(client);
    is_over(&balancer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_in_which_nothing_moves_is_closed() {
    let server = echo("").await;
    let balancer = in_front_of(&server, "[client]\nidle_ms = 100\nhead_ms = 100\ntunnel_idle_ms = 700").await;
    let mut client = tunnel(&balancer).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        client.send(b"beat").await;
        client.expect(b"beat").await;
    }
    let read = timeout(PATIENCE, client.stream.read(&mut [0; 8]))
        .await
        .expect("in time");
    assert!(matches!(read, Ok(0)), "{read:?}");
    is_over(&balancer).await;
    assert_eq!(balancer.metric("lb_timeouts_total"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_leaves_tunnels_until_its_deadline() {
    let server = echo("").await;
    let top = "drain_notice_ms = 0\n[service]\ndrain_deadline_ms = 1500";
    let mut balancer = in_front_of(&server, top).await;
    let mut client = tunnel(&balancer).await;
    balancer.shutdown.begin();
    eventually("nobody new gets in", async || {
        match TcpStream::connect(balancer.address).await {
            Ok(_) => Err("accepted".into()),
            Err(_) => Ok(()),
        }
    })
    .await;
    client.send(b"still").await;
    client.expect(b"still").await;
    assert!(!balancer.running.is_finished());
    timeout(PATIENCE, &mut balancer.running)
        .await
        .expect("in time")
        .expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_upgrade_goes_to_another_server_like_any_get() {
    let (dead, alive) = (App::saying("unused").await, echo("here").await);
    let balancer = Balancer::in_front_of_addresses(
        &[dead.address, alive.address],
        "check.interval_ms = 60000\nejection.failures = 0",
        "",
    )
    .await;
    dead.kill().await;
    for _ in 0..4 {
        tunnel(&balancer).await.expect(b"here").await;
    }
    assert!(balancer.metric("lb_redispatches_total") >= 1);
}
