//! Servers that know the handshake of WebSocket. What follows it here are plain
//! bytes: nobody between the two ends reads them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bare::Bare;

/// The answer that switches, to a request with this head (RFC 6455 4.2.2).
pub fn switch(head: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut keys = lines.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let key = keys.next().expect("a key").1.trim();
    assert!(keys.next().is_none(), "more than one key: {head}");
    let proof = digest(
        &SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes(),
    );
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(proof)
    )
}

/// Switches and sends back whatever it gets, with `first` before it.
pub async fn echo(first: &'static str) -> Bare {
    Bare::serving(move |mut stream, head, rest| async move {
        stream
            .write_all(format!("{}{first}", switch(&head)).as_bytes())
            .await
            .expect("sent");
        stream.write_all(&rest).await.expect("sent");
        pass_back(stream).await;
    })
    .await
}

async fn pass_back(mut stream: TcpStream) {
    let (mut from, mut to) = stream.split();
    let _ended = tokio::io::copy(&mut from, &mut to).await;
    let _shut = to.shutdown().await;
}

/// Whether the other side has broken off, read to the end.
pub async fn is_broken_off(stream: &mut TcpStream) -> bool {
    stream.read_to_end(&mut Vec::new()).await.is_err()
}
