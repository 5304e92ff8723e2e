//! WebSocket over HTTP/2 (RFC 8441): a stream becomes a tunnel when a server of
//! HTTP/1.1 has switched protocols, and the streams beside it go on.

mod support;

use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use support::http2::{Http2, read, request, text};
use support::websocket::{echo, is_broken_off, switch};
use support::{App, Balancer, Bare, PATIENCE, Reply, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

async fn in_front_of(server: &Bare, top: &str) -> Balancer {
    Balancer::in_front_of_addresses(&[server.address], "", top).await
}

/// A tunnel that is open.
async fn open(client: &Http2) -> (RecvStream, SendStream<Bytes>) {
    let (answer, stream) = client.tunnel("/chat", "websocket").await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    (answer.into_body(), stream)
}

fn send(stream: &mut SendStream<Bytes>, bytes: &'static str) {
    stream
        .send_data(Bytes::from_static(bytes.as_bytes()), false)
        .expect("sent");
}

/// Reads these very bytes.
async fn expect(body: &mut RecvStream, bytes: &[u8]) {
    let mut seen = Vec::new();
    while seen.len() < bytes.len() {
        let chunk = timeout(PATIENCE, body.data()).await.expect("in time");
        let chunk = chunk.expect("more").expect("whole");
        body.flow_control().release_capacity(chunk.len()).expect("released");
        seen.extend(chunk);
    }
    assert!(seen == bytes, "{} bytes: {:?}", seen.len(), &seen[..seen.len().min(99)]);
}

async fn end(body: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    timeout(PATIENCE, read(body))
        .await
        .expect("in time")
        .map(|(rest, _)| rest)
}

async fn is_over(balancer: &Balancer) {
    eventually("the tunnel is over", async || {
        match ["lb_tunnels_open", "lb_server_in_flight"].map(|name| balancer.metric(name)) {
            [0, 0] => Ok(()),
            open => Err(format!("{open:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_8441_5_bytes_pass_both_ways_and_each_side_may_end_first() {
    let server = echo("welcome").await;
    let balancer = in_front_of(&server, "").await;
    let client = Http2::connect(&balancer).await;
    let (mut body, mut stream) = open(&client).await;
    expect(&mut body, b"welcome").await;
    for text in ["one", "GET / HTTP/1.1\r\n\r\n", "\0\r\n"] {
        send(&mut stream, text);
        expect(&mut body, text.as_bytes()).await;
    }
    assert_eq!(balancer.metric("lb_tunnels_open"), 1);
    assert_eq!(balancer.metric("lb_server_in_flight"), 1);
    stream.send_data(Bytes::from_static(b"last"), true).expect("sent");
    assert_eq!(end(&mut body).await.expect("a proper end"), b"last");
    is_over(&balancer).await;

    // The server may have said all before the client has.
    let (heard, mut hears) = mpsc::unbounded_channel();
    let server = Bare::serving(move |mut stream, head, _| {
        let heard = heard.clone();
        async move {
            stream.write_all(switch(&head).as_bytes()).await.expect("sent");
            stream.shutdown().await.expect("shut down");
            let mut rest = String::new();
            stream.read_to_string(&mut rest).await.expect("a proper end");
            heard.send(rest).expect("heard");
        }
    })
    .await;
    let balancer = in_front_of(&server, "").await;
    let client = Http2::connect(&balancer).await;
    let (mut body, mut stream) = open(&client).await;
    assert_eq!(end(&mut body).await.expect("a proper end"), b"");
    stream.send_data(Bytes::from_static(b"still here"), true).expect("sent");
    assert_eq!(
        timeout(PATIENCE, hears.recv()).await.expect("in time").expect("told"),
        "still here"
    );
    is_over(&balancer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_8441_5_the_server_sees_an_upgrade_and_the_client_none() {
    let (heads, mut seen) = mpsc::unbounded_channel();
    let server = Bare::serving(move |mut stream, head, _| {
        let answer = switch(&head).replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
        heads.send(head).expect("heard");
        async move {
            let _sent = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    let balancer = in_front_of(&server, "").await;
    let client = Http2::connect(&balancer).await;
    let (answer, _stream) = client.tunnel("/chat?room=1", "WebSocket").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "chat");
    assert!(answer.headers().contains_key("x-request-id"));
    for gone in ["upgrade", "connection", "sec-websocket-accept", "content-length"] {
        assert!(!answer.headers().contains_key(gone), "{gone}: {answer:?}");
    }
    let head = seen.recv().await.expect("a head").to_ascii_lowercase();
    let line = |name: &str| head.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(head.lines().next(), Some("get /chat?room=1 http/1.1"));
    assert_eq!(line("host:"), ["host: a"]);
    assert_eq!(line("connection:"), ["connection: upgrade"]);
    assert_eq!(line("upgrade:"), ["upgrade: websocket"]);
    assert_eq!(line("sec-websocket-version:"), ["sec-websocket-version: 13"]);
    assert_eq!(line("via:"), ["via: 2 radiodeck-lb"]);
    for none in ["content-length:", "transfer-encoding:", ":protocol"] {
        assert_eq!(line(none), [""; 0], "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_server_is_the_answer() {
    let app = App::doing(|_| Reply::Raw(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno".into())).await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let client = Http2::connect(&balancer).await;
    let (answer, _stream) = client.tunnel("/chat", "websocket").await;
    assert_eq!(answer.status(), 403);
    assert_eq!(text(answer).await, "no");
    assert_eq!(balancer.metric("lb_tunnels_total"), 0);
    is_over(&balancer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_switch_as_asked_is_502_and_begins_no_tunnel() {
    let wrong = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    for answer in [
        // It knows nothing of WebSocket.
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
        // It has not understood the request.
        format!("{wrong}\r\n"),
        format!("{wrong}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
    ] {
        let bytes = answer.clone();
        let app = App::doing(move |_| Reply::Raw(bytes.clone().into())).await;
        let balancer = Balancer::in_front_of(&[&app], "", "").await;
        let client = Http2::connect(&balancer).await;
        let (refused, _stream) = client.tunnel("/chat", "websocket").await;
        assert_eq!(refused.status(), 502, "{answer:?}");
        assert!(text(refused).await.contains("502"));
        assert_eq!(balancer.metric("lb_tunnels_total"), 0);
        is_over(&balancer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9220_3_what_is_not_websocket_is_501() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let client = Http2::connect(&balancer).await;
    for protocol in ["connect-udp", "h2c", "websocket/2", "websocket, chat"] {
        let (answer, _stream) = client.tunnel("/", protocol).await;
        assert_eq!(answer.status(), 501, "{protocol}");
    }
    // Nor is a plain CONNECT anything else than it was.
    let plain = http::Request::connect("a:443").body(()).expect("a request");
    assert_eq!(client.ask(plain).await.status(), 501);
    // The balancer's own answer must not look like a tunnel, either.
    let (answer, _stream) = client.tunnel("/.lb/health", "websocket").await;
    assert_eq!(answer.status(), 502);
    assert_eq!(text(client.ask(request("GET", "/")).await).await, "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_8441_5_a_server_that_breaks_off_resets_its_stream_only() {
    let server = Bare::serving(|mut stream, head, _| async move {
        stream.write_all(switch(&head).as_bytes()).await.expect("sent");
        let mut byte = [0];
        stream.read_exact(&mut byte).await.expect("a byte");
        if byte == *b"x" {
            socket2::SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .expect("an option");
            return;
        }
        stream.write_all(&byte).await.expect("sent");
    })
    .await;
    let balancer = in_front_of(&server, "").await;
    let client = Http2::connect(&balancer).await;
    let ((mut broken, mut breaking), (mut whole, mut goes_on)) = (open(&client).await, open(&client).await);
    send(&mut breaking, "x");
    let error = end(&mut broken).await.expect_err("broken off");
    assert_eq!(error.reason(), Some(Reason::CANCEL), "{error}");
    send(&mut goes_on, "y");
    assert_eq!(end(&mut whole).await.expect("a proper end"), b"y");
    goes_on.send_data(Bytes::new(), true).expect("sent");
    is_over(&balancer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_8441_5_a_client_that_breaks_off_is_seen_by_the_server() {
    let (told, mut broken_off) = mpsc::unbounded_channel();
    let server = Bare::serving(move |mut stream, head, _| {
        let told = told.clone();
        async move {
            stream.write_all(switch(&head).as_bytes()).await.expect("sent");
            told.send(is_broken_off(&mut stream).await).expect("told");
        }
    })
    .await;
    let balancer = in_front_of(&server, "").await;
    for reason in [Reason::CANCEL, Reason::INTERNAL_ERROR] {
        let client = Http2::connect(&balancer).await;
        let (_body, mut stream) = open(&client).await;
        stream.send_reset(reason);
        let seen = timeout(PATIENCE, broken_off.recv()).await.expect("in time");
        assert_eq!(seen, Some(true), "{reason}");
        is_over(&balancer).await;
    }
    // And so is one whose connection is gone.
    let socket = TcpStream::connect(balancer.address).await.expect("connected");
    let linger = socket2::SockRef::from(&socket).try_clone().expect("a handle");
    let client = Http2::on(socket).await;
    let (_body, _stream) = open(&client).await;
    linger.set_linger(Some(Duration::ZERO)).expect("an option");
    linger.shutdown(std::net::Shutdown::Both).expect("shut down");
    let seen = timeout(PATIENCE, broken_off.recv()).await.expect("in time");
    assert_eq!(seen, Some(true));
    is_over(&balancer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_holds_its_server_back_and_nobody_else() {
    const SIZE: usize = 20_000_000;
    let server = Bare::serving(move |mut stream, head, _| async move {
        stream.write_all(switch(&head).as_bytes()).await.expect("sent");
        stream.write_all(&vec![b'x'; SIZE]).await.expect("sent");
    })
    .await;
    let balancer = in_front_of(&server, "[client]\nsend_ms = 300").await;
    let client = Http2::connect(&balancer).await;
    let (mut large, _stream) = open(&client).await;
    // Longer than an answer may wait: in a tunnel, silence is no fault.
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(client.ask(request("GET", "/.lb/health")).await.status(), 200);
    expect(&mut large, &vec![b'x'; SIZE]).await;
    assert_eq!(end(&mut large).await.expect("a proper end"), b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_in_which_nothing_moves_is_ended_and_its_connection_is_not() {
    let server = echo("").await;
    let balancer = in_front_of(&server, "[client]\nidle_ms = 100\nhead_ms = 100\ntunnel_idle_ms = 700").await;
    let client = Http2::connect(&balancer).await;
    let (mut body, mut stream) = open(&client).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        send(&mut stream, "beat");
        expect(&mut body, b"beat").await;
    }
    let (mut other, mut lively) = open(&client).await;
    let ended = tokio::spawn(async move { end(&mut body).await });
    while !ended.is_finished() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        send(&mut lively, "beat");
        expect(&mut other, b"beat").await;
    }
    assert_eq!(ended.await.expect("read").expect("a proper end"), b"");
    assert_eq!(balancer.metric("lb_timeouts_total"), 1);
    assert_eq!(balancer.metric("lb_tunnels_open"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_leaves_tunnels_until_its_deadline() {
    let server = echo("").await;
    let top = "drain_notice_ms = 0\n[service]\ndrain_deadline_ms = 1500";
    let mut balancer = in_front_of(&server, top).await;
    let client = Http2::connect(&balancer).await;
    let (mut body, mut stream) = open(&client).await;
    balancer.shutdown.begin();
    eventually("nobody new gets in", async || {
        match TcpStream::connect(balancer.address).await {
            Ok(_) => Err("accepted".into()),
            Err(_) => Ok(()),
        }
    })
    .await;
    send(&mut stream, "still");
    expect(&mut body, b"still").await;
    assert!(!balancer.running.is_finished());
    timeout(PATIENCE, &mut balancer.running)
        .await
        .expect("in time")
        .expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_tunnel_goes_to_another_server_like_any_get() {
    let (dead, alive) = (App::saying("unused").await, echo("here").await);
    let balancer = Balancer::in_front_of_addresses(
        &[dead.address, alive.address],
        "check.interval_ms = 60000\nejection.failures = 0",
        "",
    )
    .await;
    dead.kill().await;
    let client = Http2::connect(&balancer).await;
    for _ in 0..4 {
        let (mut body, _stream) = open(&client).await;
        expect(&mut body, b"here").await;
    }
    assert!(balancer.metric("lb_redispatches_total") >= 1);
}
