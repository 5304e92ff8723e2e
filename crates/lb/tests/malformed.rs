//! Malformed requests, each named after what forbids it, with the exact answer.
//! Whatever is refused never reaches a server, and a bystander's requests on
//! other connections go on.

mod support;

use support::{App, Balancer, Client, get};

/// Name, bytes, expected status. After each of them the connection is closed.
fn corpus() -> Vec<(&'static str, Vec<u8>, u16)> {
    let host = "Host: a\r\n";
    let post = |headers: &str, body: &str| format!("POST / HTTP/1.1\r\n{host}{headers}\r\n{body}");
    let line = |line: &str| format!("{line}\r\n{host}\r\n");
    let header = |header: &str| format!("GET / HTTP/1.1\r\n{host}{header}\r\n\r\n");
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let many: String = (0..120).map(|index| format!("X-{index}: y\r\n")).collect();
    let text = [
        // Host.
        ("RFC 9112 3.2: no Host", "GET / HTTP/1.1\r\n\r\n".into(), 400),
        (
            "RFC 9112 3.2: no Host with HTTP/1.0, which cannot be routed",
            "GET / HTTP/1.0\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 9112 3.2: two Hosts",
            format!("GET / HTTP/1.1\r\n{host}{host}\r\n"),
            400,
        ),
        (
            "RFC 9112 3.2: two Hosts beside an absolute target",
            format!("GET http://a/ HTTP/1.1\r\n{host}{host}\r\n"),
            400,
        ),
        (
            "RFC 9110 7.2: an empty Host",
            "GET / HTTP/1.1\r\nHost:\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 3986 3.2.2: a Host with a blank",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 3986 3.2.1: a Host with user information",
            "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 3986 3.2.3: a Host with a port that is none",
            "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 3986 3.2: a Host with a path",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 9110 4.2.4: a target with user information",
            line("GET http://u:p@a/ HTTP/1.1"),
            400,
        ),
        // Request line.
        ("RFC 9112 3: no version", line("GET /"), 400),
        ("RFC 9112 3: a blank in the target", line("GET /a b HTTP/1.1"), 400),
        ("RFC 9112 3: no target", line("GET HTTP/1.1"), 400),
        ("RFC 9112 3: two blanks", line("GET  / HTTP/1.1"), 400),
        ("RFC 9112 3.2.1: a target without a slash", line("GET a HTTP/1.1"), 400),
        ("RFC 9112 3.2: a fragment in the target", line("GET /a#b HTTP/1.1"), 400),
        ("RFC 9112 3.2.4: an asterisk for GET", line("GET * HTTP/1.1"), 400),
        (
            "RFC 9112 3.2.2: a scheme that is not HTTP",
            line("GET ftp://a/ HTTP/1.1"),
            400,
        ),
        ("RFC 9110 5.6.2: a method that is no token", line("G(T / HTTP/1.1"), 400),
        ("RFC 9110 15.6.6: HTTP/2.0 in plain text", line("GET / HTTP/2.0"), 505),
        (
            "RFC 9113 3.4: the preface of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
            505,
        ),
        ("RFC 9112 2.3: a version in small letters", line("GET / http/1.1"), 400),
        ("RFC 9112 2.3: HTTP/0.9", "GET /\r\n\r\n".into(), 400),
        (
            "RFC 9112 2.2: a bare CR in the request line",
            line("GET /\rx HTTP/1.1"),
            400,
        ),
        (
            "RFC 9110 9.3.6: CONNECT",
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n".into(),
            501,
        ),
        // Fields.
        ("RFC 9112 5.1: a blank before the colon", header("X : y"), 400),
        (
            "RFC 9112 5.1: a blank before the colon of a length",
            header("Content-Length : 0"),
            400,
        ),
        ("RFC 9112 5.2: obs-fold", header("X: y\r\n z"), 400),
        (
            "RFC 9112 2.2: a blank before the first field",
            format!("GET / HTTP/1.1\r\n {host}\r\n"),
            400,
        ),
        ("RFC 9110 5.1: an empty field name", header(": y"), 400),
        ("RFC 9110 5.1: a field name that is no token", header("X@: y"), 400),
        ("RFC 9112 5: a line without a colon", header("X"), 400),
        ("RFC 9110 5.5: NUL in a value", header("X: a\0b"), 400),
        ("RFC 9110 5.5: a bare CR in a value", header("X: a\rb"), 400),
        ("RFC 9110 5.5: a control character in a value", header("X: a\x08b"), 400),
        (
            "RFC 9110 10.1.1: an expectation that is unknown",
            header("Expect: miracles\r\nConnection: close"),
            417,
        ),
        // Framing.
        (
            "RFC 9112 6.3: Content-Length, then Transfer-Encoding",
            post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nX"),
            400,
        ),
        (
            "RFC 9112 6.3: Transfer-Encoding, then Content-Length",
            post("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", "0\r\n\r\nX"),
            400,
        ),
        (
            "RFC 9112 6.3: the same in other letters",
            post("content-LENGTH: 6\r\ntransfer-ENCODING: Chunked\r\n", "0\r\n\r\nX"),
            400,
        ),
        (
            "RFC 9112 6.3: two lengths that differ",
            post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"),
            400,
        ),
        (
            "RFC 9112 6.3: a list of lengths",
            post("Content-Length: 1, 1\r\n", "a"),
            400,
        ),
        (
            "RFC 9110 8.6: a length with a sign",
            post("Content-Length: +1\r\n", "a"),
            400,
        ),
        (
            "RFC 9110 8.6: a negative length",
            post("Content-Length: -1\r\n", ""),
            400,
        ),
        (
            "RFC 9110 8.6: a hexadecimal length",
            post("Content-Length: 0x1\r\n", "a"),
            400,
        ),
        ("RFC 9110 8.6: an empty length", post("Content-Length:\r\n", ""), 400),
        (
            "RFC 9110 8.6: a length of 2^64",
            post("Content-Length: 18446744073709551616\r\n", ""),
            400,
        ),
        (
            "RFC 9112 6.1: Transfer-Encoding with HTTP/1.0",
            format!("POST / HTTP/1.0\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 6.3: chunked is not the last coding",
            post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 6.3: identity",
            post("Transfer-Encoding: identity\r\n", ""),
            400,
        ),
        (
            "RFC 9112 7.1: chunked twice",
            post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: chunked in two lines",
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
            400,
        ),
        (
            "RFC 9110 5.6.1: an empty member before chunked",
            post("Transfer-Encoding: , chunked\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9110 5.5: a vertical tab before chunked",
            post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 6.1: a coding that is unknown",
            post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
            501,
        ),
        // Chunks.
        (
            "RFC 9112 7.1: a chunk size that is no number",
            chunked("x\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a chunk size with 0x",
            chunked("0x5\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a negative chunk size",
            chunked("-5\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a chunk size of 2^64",
            chunked("10000000000000000\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a bare LF after a chunk size",
            chunked("5\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a chunk longer than its size",
            chunked("2\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: no CR LF after a chunk",
            chunked("5\r\nhello0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1.1: a bare CR in a chunk extension",
            chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        // Sizes.
        (
            "RFC 9110 15.5.15: a target that is too long",
            line(&format!("GET /{} HTTP/1.1", "a".repeat(20_000))),
            414,
        ),
        (
            "RFC 9110 15.5.15: a target without an end",
            format!("GET /{}", "a".repeat(20_000)),
            414,
        ),
        (
            "RFC 6585 5: a head that is too large",
            header(&format!("X: {}", "a".repeat(40_000))),
            431,
        ),
        (
            "RFC 6585 5: a head without an end",
            format!("GET / HTTP/1.1\r\n{host}X: {}", "a".repeat(40_000)),
            431,
        ),
        ("RFC 6585 5: too many fields", header(&many), 431),
    ];
    text.into_iter()
        .map(|(name, bytes, status): (_, String, _)| (name, bytes.into_bytes(), status))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_request_gets_its_answer_and_no_server_sees_it() {
    let app = App::saying("reached").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut wrong = Vec::new();
    for (name, bytes, expected) in corpus() {
        let mut client = Client::connect(balancer.address).await;
        client.send(&bytes).await;
        match client.try_read("GET").await {
            Some(answer) if answer.status == expected => {
                let says_close = answer.header("connection") == Some("close");
                if !says_close || !client.is_closed().await {
                    wrong.push(format!("{name}: the connection stays open: {answer:?}"));
                }
            }
            Some(answer) => wrong.push(format!("{name}: {} and not {expected}: {answer:?}", answer.status)),
            None => wrong.push(format!("{name}: closed without an answer, and not {expected}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(app.seen().is_empty(), "{:#?}", app.seen());
    assert_eq!(get(balancer.address, "a", "/").await.text(), "reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_behind_a_good_one_does_not_take_it_along() {
    let app = App::saying("reached").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for (name, bytes, expected) in corpus() {
        let mut client = Client::connect(balancer.address).await;
        client
            .send([b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n", &bytes[..]].concat())
            .await;
        let good = client.try_read("GET").await.map(|answer| answer.text());
        assert_eq!(good.as_deref(), Some("reached"), "{name}");
        let bad = client.try_read("GET").await.map(|answer| answer.status);
        assert_eq!(bad, Some(expected), "{name}");
    }
    assert!(
        app.seen().iter().all(|seen| seen.line() == "GET /good HTTP/1.1"),
        "{:#?}",
        app.seen()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_is_refused_and_the_connection_goes_on() {
    let app = App::saying("reached").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut client = Client::connect(balancer.address).await;
    client.send("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.read("TRACE").await;
    assert_eq!(answer.status, 405);
    assert!(answer.header("allow").is_some(), "{answer:?}");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.read("GET").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unusual_and_allowed_passes() {
    let app = App::saying("reached").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for (name, bytes) in [
        (
            "RFC 9112 2.2: empty lines before a request",
            "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        ("RFC 9112 2.2: bare LF as line ends", "GET / HTTP/1.1\nHost: a\n\n"),
        (
            "RFC 9110 5.5: a tab in a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\tb\r\n\r\n",
        ),
        (
            "RFC 9110 5.5: no blank after the colon",
            "GET / HTTP/1.1\r\nHost:a\r\n\r\n",
        ),
        (
            "RFC 9110 5.5: obs-text in a value",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \u{e4}\r\n\r\n",
        ),
        (
            "RFC 9110 9.1: an extension method",
            "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        (
            "RFC 9112 6.3: equal lengths twice",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "RFC 9112 7.1.1: a chunk extension",
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=\"y\"\r\nhi\r\n0\r\n\r\n",
        ),
        ("HTTP/1.0 with a Host", "GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
    ] {
        let answer = support::request(balancer.address, bytes).await;
        assert_eq!((answer.status, &*answer.text()), (200, "reached"), "{name}: {answer:?}");
    }
}
