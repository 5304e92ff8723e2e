//! What the access log says of HTTP/2 and of tunnels.

mod support;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use h2::Reason;
use serde_json::Value;
use support::frames::{self, block};
use support::http2::{Http2, read, request, text};
use support::tls::{self, Trust, VERSIONS};
use support::websocket::echo;
use support::{App, Balancer, Client, Raw, Reply, eventually};
use tempfile::TempDir;

struct Log {
    file: PathBuf,
    folder: TempDir,
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("access.log");
        Self { file, folder }
    }

    fn table(&self) -> String {
        format!("[access_log]\nformat = \"json\"\nfile = \"{}\"", self.file.display())
    }

    /// The last of so many lines.
    async fn last_of(&self, count: usize) -> Value {
        let lines = |file: &Path| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        eventually(&format!("{count} lines"), async || match lines(&self.file) {
            lines if lines.len() == count => Ok(()),
            lines => Err(format!("{lines:#?}")),
        })
        .await;
        serde_json::from_str(lines(&self.file).last().expect("a line")).expect("JSON")
    }
}

#[track_caller]
fn assert_told(record: &Value, expected: &[(&str, Value)]) {
    for (key, value) in expected {
        assert_eq!(&record[key], value, "{key} in {record:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_http_2_is_told_like_any_other() {
    let log = Log::new();
    let app = App::saying("hello").await;
    let top = format!("{}\n{}", log.table(), tls::local(log.folder.path(), ""));
    let balancer = Balancer::in_front_of(&[&app], "", &top).await;
    let mut plain = request("GET", "/a%20b?c=d");
    plain.headers_mut().insert("user-agent", "t".parse().expect("a value"));
    let answer = Http2::connect(&balancer).await.ask(plain).await;
    let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
    assert_eq!(text(answer).await, "hello");
    let record = log.last_of(1).await;
    assert_told(
        &record,
        &[
            ("client", "127.0.0.1".into()),
            ("method", "GET".into()),
            ("host", "a".into()),
            ("path", "/a%20b?c=d".into()),
            ("protocol", "HTTP/2.0".into()),
            ("status", 200.into()),
            ("bytes", 5.into()),
            ("server", app.address.to_string().into()),
            ("request_id", id.into()),
            ("tls", Value::Null),
            ("user_agent", "t".into()),
            ("ended", "complete".into()),
        ],
    );
    let trust = Trust::in_local_ca(log.folder.path(), &VERSIONS).speaking(&["h2"]);
    let client = Http2::on(trust.connect(tls::address(&balancer), tls::NAME).await.stream).await;
    assert_eq!(text(client.ask(request("GET", "/")).await).await, "hello");
    let record = log.last_of(2).await;
    assert_told(&record, &[("tls", "TLSv1.3".into()), ("protocol", "HTTP/2.0".into())]);
    // What has no part in either is refused before it is a request.
    let refused = support::get(tls::address(&balancer), "a", "/").await;
    assert_eq!(refused.status, 400);
    let record = log.last_of(3).await;
    assert_told(
        &record,
        &[("status", 400.into()), ("method", Value::Null), ("tls", Value::Null)],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_wrong_on_a_stream_and_by_whom_is_told() {
    let log = Log::new();
    let app = App::doing(|seen| match seen.line() {
        line if line.contains("/half") => Reply::RawReset(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".into()),
        line if line.contains("/hang") => Reply::Hang,
        _ => Reply::Ok("hi"),
    })
    .await;
    let balancer = Balancer::in_front_of(&[&app], "", &log.table()).await;
    let client = Http2::connect(&balancer).await;

    let answer = client.ask(request("GET", "/half")).await;
    assert!(read(&mut answer.into_body()).await.is_err());
    let told = log.last_of(1).await;
    assert_told(
        &told,
        &[("status", 200.into()), ("bytes", 4.into()), ("ended", "server".into())],
    );

    let (answer, mut body) = client.begin(request("GET", "/hang"), true).await;
    eventually("under way", async || match app.count() {
        2 => Ok(()),
        count => Err(count.to_string()),
    })
    .await;
    body.send_reset(Reason::CANCEL);
    drop(answer);
    let told = log.last_of(2).await;
    assert_told(&told, &[("status", 499.into()), ("ended", "client".into())]);

    // Refused by the balancer: two hosts, and a plain CONNECT.
    let mut raw = Raw::connect(balancer.address).await;
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/refused"),
        ("host", "b"),
    ];
    raw.request(1, &block(&fields)).await;
    raw.until(|frame| frame.stream == 1 && frame.kind == frames::HEADERS)
        .await;
    let told = log.last_of(3).await;
    assert_told(
        &told,
        &[
            ("status", 400.into()),
            ("path", "/refused".into()),
            ("server", Value::Null),
            ("ended", "complete".into()),
        ],
    );
    let plain = http::Request::connect("a:443").body(()).expect("a request");
    assert_eq!(client.ask(plain).await.status(), 501);
    let told = log.last_of(4).await;
    assert_told(
        &told,
        &[
            ("status", 501.into()),
            ("method", "CONNECT".into()),
            ("host", "a:443".into()),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_is_told_of_when_it_begins() {
    let log = Log::new();
    let server = echo("").await;
    let balancer = Balancer::in_front_of_addresses(&[server.address], "", &log.table()).await;
    let mut client = Client::connect(balancer.address).await;
    client
        .send(
            "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await;
    assert_eq!(client.read("GET").await.status, 101);
    let told = log.last_of(1).await;
    let server = Value::from(server.address.to_string());
    assert_told(
        &told,
        &[
            ("status", 101.into()),
            ("path", "/chat".into()),
            ("server", server.clone()),
            ("ended", "complete".into()),
        ],
    );
    let client = Http2::connect(&balancer).await;
    let (answer, mut stream) = client.tunnel("/chat", "websocket").await;
    stream.send_data(Bytes::from_static(b"x"), false).expect("sent");
    assert_eq!(answer.status(), 200);
    let told = log.last_of(2).await;
    assert_told(
        &told,
        &[
            ("status", 200.into()),
            ("method", "CONNECT".into()),
            ("path", "/chat".into()),
            ("protocol", "HTTP/2.0".into()),
            ("server", server),
            ("ended", "complete".into()),
        ],
    );
}
