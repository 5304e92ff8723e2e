//! The finer points of messages (RFC 9110 and 9112): what has a body, what may
//! be in a value, and what stays on its hop.

mod support;

use support::app::Seen;
use support::{App, Balancer, Client, Reply, get, request};

async fn pair(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (App, Balancer) {
    let app = App::doing(script).await;
    let balancer = Balancer::in_front_of(&[&app], "", "workers = 1").await;
    (app, balancer)
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9112_6_3_an_answer_that_has_no_body_ends_with_its_head_whatever_that_says() {
    let (app, balancer) = pair(|seen| {
        let path = seen.line().split(' ').nth(1).expect("a path");
        let head = match path {
            "/chunked" => "200 OK\r\nTransfer-Encoding: chunked",
            "/length" => "200 OK\r\nContent-Length: 1000",
            "/neither" => "200 OK\r\nX: y",
            "/304" => "304 Not Modified\r\nContent-Length: 1000",
            "/304c" => "304 Not Modified\r\nTransfer-Encoding: chunked",
            "/204" => "204 No Content\r\nContent-Length: 1000",
            _ => "204 No Content\r\nTransfer-Encoding: chunked",
        };
        Reply::Raw(format!("HTTP/1.1 {head}\r\n\r\n").into())
    })
    .await;
    let mut client = Client::connect(balancer.address).await;
    for (method, path, status, length) in [
        ("HEAD", "/chunked", 200, None),
        ("HEAD", "/length", 200, Some("1000")),
        ("HEAD", "/neither", 200, None),
        ("GET", "/304", 304, None),
        ("GET", "/304c", 304, None),
        ("GET", "/204", 204, None),
        ("GET", "/204c", 204, None),
        ("HEAD", "/204", 204, None),
    ] {
        client
            .send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        let answer = client.read(method).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("content-length"), length, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("connection"), None, "{method} {path}: {answer:?}");
    }
    assert_eq!(app.count(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_where_there_can_be_none_is_not_the_next_answer() {
    // Were the connection used again, the next client would get the rest of it.
    let rest = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for (method, head) in [
        ("HEAD", "200 OK\r\nContent-Length: 4"),
        ("GET", "204 No Content"),
        ("GET", "304 Not Modified"),
        ("GET", "200 OK\r\nContent-Length: 0"),
        ("GET", "200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    ] {
        let bytes = if head.ends_with("hi") {
            format!("HTTP/1.1 {head}{rest}")
        } else {
            format!("HTTP/1.1 {head}\r\n\r\n{rest}")
        };
        let (_app, balancer) = pair(move |seen| match seen.line() {
            "GET /good HTTP/1.1" => Reply::Ok("good"),
            _ => Reply::Raw(bytes.clone().into()),
        })
        .await;
        for _ in 0..5 {
            let mut client = Client::connect(balancer.address).await;
            client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            let _whatever = client.read(method).await;
            assert_eq!(
                get(balancer.address, "a", "/good").await.text(),
                "good",
                "after {method} {head}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9110_5_5_tabs_and_bytes_above_ascii_pass_in_values_both_ways() {
    let (app, balancer) = pair(|_| {
        Reply::Raw(
            b"HTTP/1.1 200 OK\r\nX-Tab: a\tb\r\nX-High: \xe9\xff\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n".into(),
        )
    })
    .await;
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nX-Tab:\t a\tb \t\r\nX-High: \xe9\xff\r\nX-Empty:\r\n\r\n";
    let answer = request(balancer.address, bytes).await;
    let seen = app.only();
    assert_eq!(
        (answer.header("x-tab"), answer.header("x-empty")),
        (Some("a\tb"), Some(""))
    );
    assert_eq!((seen.header("x-tab"), seen.header("x-empty")), (vec!["a\tb"], vec![""]));
    let high = "\u{fffd}\u{fffd}";
    assert_eq!(
        (answer.header("x-high"), seen.header("x-high")),
        (Some(high), vec![high])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9112_7_1_1_chunk_extensions_stay_on_their_hop() {
    let (app, balancer) = pair(|_| Reply::Ok("hi")).await;
    let answer = request(
        balancer.address,
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         3;a=b;c=\"d;e\"\r\nabc\r\n002 ; x\r\nde\r\n0;last\r\n\r\n",
    )
    .await;
    assert_eq!(answer.text(), "hi");
    let body = String::from_utf8(app.only().body).expect("text");
    assert!(!body.contains(';'), "{body:?}");
    let data: String = body.split("\r\n").skip(1).step_by(2).collect();
    assert_eq!(data, "abcde");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_whole_is_answered_whatever_follows_it() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for _ in 0..10 {
        let mut client = Client::connect(balancer.address).await;
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\nNONSENSE\r\n\r\n")
            .await;
        assert_eq!(client.read("POST").await.text(), "hi");
        assert_eq!(client.read("GET").await.status, 400);
        assert!(client.is_closed().await);
    }
    assert_eq!(app.count(), 10);
}
