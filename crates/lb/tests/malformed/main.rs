//! Malformed requests, each named after what forbids it, with the exact answer.
//! Whatever is refused never reaches a server, and a bystander's requests on
//! other connections go on.

mod attacks;
mod corpus;
#[path = "../support/mod.rs"]
mod support;

use corpus::corpus;
use support::{App, Balancer, Client, get};

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
                if answer.body.is_empty() || answer.header("x-request-id").is_none() {
                    wrong.push(format!("{name}: a bare answer: {answer:?}"));
                }
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
async fn what_is_malformed_is_answered_alike_however_it_is_cut() {
    let app = App::saying("reached").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for (name, bytes, expected) in corpus() {
        if bytes.len() > 200 {
            continue;
        }
        let mut client = Client::connect(balancer.address).await;
        // A write may fail once the answer is on its way.
        for piece in bytes.chunks(3) {
            if tokio::io::AsyncWriteExt::write_all(&mut client.stream, piece)
                .await
                .is_err()
            {
                break;
            }
            tokio::task::yield_now().await;
        }
        let answer = client.try_read("GET").await.map(|answer| answer.status);
        assert_eq!(answer, Some(expected), "{name}");
    }
    assert!(app.seen().is_empty(), "{:#?}", app.seen());
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
async fn nothing_behind_a_refused_request_is_answered_or_passed_on() {
    let app = App::saying("reached").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for (name, bytes, expected) in corpus() {
        // Behind a head or a body without an end nothing can be told apart.
        if bytes.len() > 4000 || !bytes.ends_with(b"\r\n\r\n") {
            continue;
        }
        let mut client = Client::connect(balancer.address).await;
        client
            .send([&bytes[..], b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n"].concat())
            .await;
        let answer = client.try_read("GET").await.map(|answer| answer.status);
        assert_eq!(answer, Some(expected), "{name}");
        assert!(client.is_closed().await, "{name}");
    }
    assert!(app.seen().is_empty(), "{:#?}", app.seen());
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
        (
            "RFC 9112 3.2.2: an absolute target beside another Host",
            "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
        ),
        (
            "RFC 9110 7.8: a wish for h2c, which is never granted",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        ),
        (
            "RFC 9110 7.8: a wish to upgrade with a body",
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi",
        ),
        (
            "RFC 9110 5.6.2: a method of odd characters",
            "!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        (
            "RFC 9112 7.1: a chunk size with zeros in front",
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0002\r\nhi\r\n000\r\n\r\n",
        ),
        (
            "RFC 9110 5.5: a request within a value, which is only text",
            "GET / HTTP/1.1\r\nHost: a\r\nX: GET /smuggled HTTP/1.1\r\n\r\n",
        ),
        (
            "RFC 9110 6.5.1: framing in the trailers, which frames nothing",
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nContent-Length: 9\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
        ),
    ] {
        let before = app.count();
        let answer = support::request(balancer.address, bytes).await;
        assert_eq!((answer.status, &*answer.text()), (200, "reached"), "{name}: {answer:?}");
        assert_eq!(app.count() - before, 1, "{name}: {:#?}", app.seen());
    }
    assert!(
        app.seen().iter().all(|seen| seen.line().ends_with(" / HTTP/1.1")),
        "{:#?}",
        app.seen()
    );
}
