//! Trailers pass, and only what may be said in them.

mod support;

use support::{Balancer, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_say_in_a_trailer_what_it_may_not_say_in_a_header() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    let (seen, arrived) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut seen = Some(seen);
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"\r\n\r\n")
                || bytes.starts_with(b"PUT") && support::app::find(&bytes, b"\r\n0\r\n").is_none()
            {
                if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                    break;
                }
            }
            let _sent = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await;
            if bytes.starts_with(b"PUT")
                && let Some(seen) = seen.take()
            {
                let _told = seen.send(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    });
    let balancer = Balancer::start(&format!(
        "[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [\"{address}\"]\ncheck.interval_ms = 50"
    ))
    .await;
    balancer.wait_for_healthy(1).await;
    let bytes = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
                 Trailer: X-Forwarded-For, X-Sum, x_request_id, Forwarded\r\nTrailer: X-Forwarded-Ssl\r\n\r\n\
                 2\r\nhi\r\n0\r\nX-Forwarded-For: trick\r\nX-Sum: 7\r\nx_request_id: trick\r\n\
                 Forwarded: trick\r\nX-Forwarded-Ssl: trick\r\n\r\n";
    assert_eq!(request(balancer.address, bytes).await.status, 200);
    let seen = arrived.await.expect("seen");
    assert!(!seen.contains("trick"), "{seen}");
    assert!(seen.to_ascii_lowercase().contains("x-sum: 7\r\n"), "{seen}");
    let announced: Vec<_> = seen
        .lines()
        .filter(|line| line.to_ascii_lowercase().starts_with("trailer:"))
        .collect();
    assert_eq!(announced.len(), 1, "{seen}");
    assert!(announced[0].to_ascii_lowercase().ends_with(": x-sum"), "{seen}");
}
