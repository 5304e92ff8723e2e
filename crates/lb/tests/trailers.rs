//! Trailers pass, and only what may be said in them.

mod support;

use support::http2::{self, Http2};
use support::{App, Balancer, Client, Reply, eventually, request};

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

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_ends_in_trailers_is_whole_and_its_connection_used_again() {
    let answer =
        "HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n";
    let app = App::doing(move |_| Reply::Raw(answer.into())).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let top = format!(
        "workers = 1\n[access_log]\nformat = \"json\"\nfile = \"{}\"",
        file.display()
    );
    let balancer = Balancer::in_front_of(&[&app], "", &top).await;
    let mut client = Client::connect(balancer.address).await;
    let end = "0\r\nx-sum: 7\r\n\r\n";
    for _ in 0..5 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n").await;
        let seen = client.read_to(end).await;
        assert!(seen.starts_with("HTTP/1.1 200 OK"), "{seen}");
    }
    assert_eq!(balancer.metric("lb_connects_total"), 1);
    let http2 = Http2::connect(&balancer).await;
    let answer = http2.ask(http2::request("GET", "/")).await;
    let (body, trailers) = http2::read(&mut answer.into_body()).await.expect("a whole body");
    assert_eq!((&body[..], trailers.expect("trailers").len()), (&b"hi"[..], 1));
    eventually("six whole answers", async || {
        let lines = std::fs::read_to_string(&file).unwrap_or_default();
        if lines.lines().count() < 6 {
            return Err(lines);
        }
        let whole = |line: &str| line.contains("\"ended\":\"complete\"") && line.contains("\"host\":\"a\"");
        assert!(lines.lines().all(whole), "{lines}");
        Ok(())
    })
    .await;
}
