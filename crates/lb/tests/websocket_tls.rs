//! WebSocket over TLS, by either version of HTTP, and where it is not to be had.

mod support;

use std::time::Duration;

use bytes::Bytes;
use support::http2::{Http2, read};
use support::tls::Site;
use support::websocket::{echo, switch};
use support::{Bare, PATIENCE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

async fn in_front_of(server: &Bare) -> Site {
    Site::in_front_of(&[server.address], "", "", "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_1_bytes_pass_both_ways_and_the_end_is_said() {
    let server = echo("welcome").await;
    let site = in_front_of(&server).await;
    let mut client = site.connect().await;
    // What follows at once is the tunnel's already.
    client.send(format!("{ASK}early")).await;
    let answer = client.read("GET").await;
    assert_eq!(answer.status, 101);
    assert_eq!(
        answer.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    client.expect(b"welcomeearly").await;
    // Small pieces do not wait in a buffer, and large ones pass whole.
    for _ in 0..20 {
        client.send("x").await;
        client.expect("x").await;
    }
    let large = vec![b'y'; 500_000];
    let (mut from, mut to) = tokio::io::split(client.stream);
    let sent = large.clone();
    let sending = tokio::spawn(async move {
        to.write_all(&sent).await.expect("sent");
        to.shutdown().await.expect("shut down");
        to
    });
    let mut back = Vec::new();
    // Without close_notify this would be an error.
    timeout(PATIENCE, from.read_to_end(&mut back))
        .await
        .expect("in time")
        .expect("a proper end");
    assert!(back == large, "{} bytes", back.len());
    drop(sending.await.expect("sent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_2_bytes_pass_both_ways_and_the_end_is_said() {
    let server = echo("welcome").await;
    let site = in_front_of(&server).await;
    let client = site.connect_http2().await;
    let (answer, mut stream) = client.tunnel("/chat", "websocket").await;
    assert_eq!(answer.status(), 200);
    stream.send_data(Bytes::from(vec![b'y'; 500_000]), true).expect("sent");
    let (back, _) = timeout(PATIENCE, read(&mut answer.into_body()))
        .await
        .expect("in time")
        .expect("a proper end");
    assert!(
        back.starts_with(b"welcomey") && back.len() == 500_007,
        "{} bytes",
        back.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_breaks_off_is_seen_to_break_off() {
    let server = Bare::serving(|mut stream, head, _| async move {
        stream.write_all(switch(&head).as_bytes()).await.expect("sent");
        stream.read_exact(&mut [0]).await.expect("a byte");
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .expect("an option");
    })
    .await;
    let site = in_front_of(&server).await;
    let mut client = site.connect().await;
    client.send(ASK).await;
    assert_eq!(client.read("GET").await.status, 101);
    client.send("x").await;
    let read = timeout(PATIENCE, client.stream.read(&mut [0; 8]))
        .await
        .expect("in time");
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_tunnel_in_which_nothing_moves_is_said() {
    let server = echo("").await;
    let site = Site::in_front_of(&[server.address], "", "", "[client]\ntunnel_idle_ms = 300").await;
    let mut client = site.connect().await;
    client.send(ASK).await;
    assert_eq!(client.read("GET").await.status, 101);
    let read = timeout(PATIENCE, client.stream.read(&mut [0; 8]))
        .await
        .expect("in time");
    // Without close_notify this would be an error.
    assert_eq!(read.expect("a proper end"), 0);
    assert_eq!(site.balancer.metric("lb_timeouts_total"), 1);
}

/// Servers of HTTP/2 are not asked: what a client of HTTP/1.1 wishes may be passed
/// over, and a client of HTTP/2 is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_speaks_http_2_makes_no_tunnels() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.expect("spoken to");
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    assert!(!request.headers().contains_key("upgrade"), "{request:?}");
                    respond.send_response(http::Response::new(()), true).expect("sent");
                }
            });
        }
    });
    let site = Site::in_front_of(&[address], "protocol = \"h2\"", "", "").await;
    let mut client = site.connect().await;
    client.send(ASK).await;
    assert_eq!(client.read("GET").await.status, 200);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.read("GET").await.status, 200);
    for client in [site.connect_http2().await, Http2::connect(&site.balancer).await] {
        let (answer, _stream) = client.tunnel("/chat", "websocket").await;
        assert_eq!(answer.status(), 501);
    }
}
