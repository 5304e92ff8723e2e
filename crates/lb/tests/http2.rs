//! HTTP/2 from clients: what RFC 9113 asks of a server, and that each request
//! reaches an HTTP/1 server in one reading.

mod support;

use bytes::Bytes;
use support::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM, SETTINGS, block, frame, get};
use support::http2::{Http2, read, request, text};
use support::{App, Balancer, Client, Raw, Reply};

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_3_3_prior_knowledge_is_understood_beside_http_1() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let client = Http2::connect(&balancer).await;
    let answer = client.ask(request("GET", "/x?y")).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("x-request-id"));
    assert_eq!(text(answer).await, "hi");
    let seen = app.only();
    assert_eq!(seen.line(), "GET /x?y HTTP/1.1");
    assert_eq!(
        (seen.header("host"), seen.header("via")),
        (vec!["a"], vec!["2 radiodeck-lb"])
    );
    assert_eq!(seen.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(support::get(balancer.address, "a", "/").await.text(), "hi");
    assert_eq!(balancer.metric("lb_http2_connections_total"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_3_4_the_preface_is_understood_however_it_is_cut() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let hello = [
        PREFACE,
        &frame(SETTINGS, 0, 0, &[]),
        &frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/")),
    ]
    .concat();
    for piece in [1, 3, 15, 16, 17, 23, 24, 25, 40] {
        let mut client = Raw::silent(balancer.address).await;
        for piece in hello.chunks(piece) {
            client.bytes(piece).await;
            tokio::task::yield_now().await;
        }
        client.until(|frame| frame.stream == 1 && frame.ends_stream()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_like_the_preface_is_still_http_1() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for method in ["POST", "PRI", "PROPFIND", "P"] {
        let bytes = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        for piece in [1, 2, 4, 100] {
            let mut client = Client::connect(balancer.address).await;
            for piece in bytes.as_bytes().chunks(piece) {
                client.send(piece).await;
                tokio::task::yield_now().await;
            }
            assert_eq!(client.read(method).await.text(), "hi", "{method}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_http_2_is_switched_off_its_preface_is_505() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "[http2]\nenabled = false").await;
    let mut client = Client::connect(balancer.address).await;
    client.send(PREFACE).await;
    assert_eq!(client.read("PRI").await.status, 505);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_5_many_requests_share_a_connection_and_a_slow_one_holds_nobody_up() {
    let app = App::doing(|seen| match seen.line() {
        line if line.contains("/hang") => Reply::Hang,
        _ => Reply::Ok("hi"),
    })
    .await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let client = Http2::connect(&balancer).await;
    let (_hanging, _) = client.begin(request("GET", "/hang"), true).await;
    let mut answers = Vec::new();
    for _ in 0..100 {
        answers.push(client.begin(request("GET", "/"), true).await.0);
    }
    for answer in answers {
        assert_eq!(text(answer.await.expect("answered")).await, "hi");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_8_2_3_cookie_crumbs_reach_the_server_as_one_header() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let client = Http2::connect(&balancer).await;
    let mut request = request("GET", "/");
    for crumb in ["a=1", "b=2", "c=3"] {
        request.headers_mut().append("cookie", crumb.parse().expect("a value"));
    }
    client.ask(request).await;
    assert_eq!(app.only().header("cookie"), ["a=1; b=2; c=3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9110_9_3_7_options_of_everything_passes() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut client = Raw::connect(balancer.address).await;
    let fields = [
        (":method", "OPTIONS"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "*"),
    ];
    client.request(1, &block(&fields)).await;
    client.until(|frame| frame.stream == 1 && frame.ends_stream()).await;
    assert_eq!(app.only().line(), "OPTIONS * HTTP/1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_with_a_length_and_without() {
    let app = App::saying("thanks").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let client = Http2::connect(&balancer).await;
    for length in [Some("5"), None] {
        let mut request = request("POST", "/");
        if let Some(length) = length {
            request
                .headers_mut()
                .insert("content-length", length.parse().expect("a value"));
        }
        let (answer, mut body) = client.begin(request, false).await;
        body.send_data(Bytes::from_static(b"hello"), true).expect("sent");
        assert_eq!(text(answer.await.expect("answered")).await, "thanks");
    }
    let seen = app.seen();
    assert_eq!(
        (seen[0].header("content-length"), &seen[0].body[..]),
        (vec!["5"], &b"hello"[..])
    );
    assert_eq!(seen[1].header("transfer-encoding"), ["chunked"]);
    assert_eq!(seen[1].body, b"5\r\nhello\r\n0\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_8_1_1_a_body_that_is_not_as_long_as_it_says_never_ends_at_the_server() {
    let app = App::saying("thanks").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut client = Raw::connect(balancer.address).await;
    for (stream, data) in [(1, &b"hell"[..]), (3, b"hello!")] {
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            ("content-length", "5"),
        ];
        client.send(HEADERS, END_HEADERS, stream, &block(&fields)).await;
        client.send(DATA, END_STREAM, stream, data).await;
        client
            .until(|frame| frame.stream == stream && frame.kind == RST_STREAM)
            .await;
    }
    assert!(app.seen().is_empty(), "{:#?}", app.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_8_1_trailers_of_an_answer_pass() {
    let app = App::doing(|_| {
        Reply::Raw(
            b"HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
              2\r\nhi\r\n0\r\nx-sum: 7\r\nconnection: x\r\n\r\n"
                .into(),
        )
    })
    .await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let client = Http2::connect(&balancer).await;
    let mut request = request("GET", "/");
    request.headers_mut().insert("te", "trailers".parse().expect("a value"));
    let answer = client.ask(request).await;
    let (body, trailers) = read(&mut answer.into_body()).await.expect("whole");
    assert_eq!(body, b"hi");
    let trailers = trailers.expect("trailers");
    assert_eq!((trailers.len(), &trailers["x-sum"] == "7"), (1, true));
    assert_eq!(app.only().header("te"), ["trailers"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_a_body_have_none() {
    let app = App::doing(|seen| match seen.line() {
        line if line.contains("/204") => Reply::Raw(b"HTTP/1.1 204 No Content\r\n\r\n".into()),
        line if line.contains("/304") => Reply::Raw(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n".into()),
        _ => Reply::Ok("hi"),
    })
    .await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let client = Http2::connect(&balancer).await;
    for (method, path, status) in [("GET", "/204", 204), ("GET", "/304", 304), ("HEAD", "/", 200)] {
        let answer = client.ask(request(method, path)).await;
        assert_eq!(answer.status(), status, "{path}");
        assert!(answer.body().is_end_stream(), "{path}");
    }
    let head = client.ask(request("HEAD", "/")).await;
    assert_eq!(head.headers()["content-length"], "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9110_9_3_2_the_balancers_own_answer_to_head_has_no_body() {
    let balancer = Balancer::start("[[routes]]\nhost = \"b\"\npool = \"app\"").await;
    let client = Http2::connect(&balancer).await;
    let answer = client.ask(request("HEAD", "/")).await;
    assert_eq!(answer.status(), 404);
    assert!(answer.headers().contains_key("content-length"));
    assert!(!answer.headers().contains_key("connection"));
    assert!(answer.body().is_end_stream());
    assert!(text(client.ask(request("GET", "/")).await).await.contains("404"));
}

/// The library cuts it off before anybody sees it, so there is one reading only.
#[tokio::test(flavor = "multi_thread")]
async fn rfc_9113_8_3_1_a_fragment_in_path_reaches_nobody() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut client = Raw::connect(balancer.address).await;
    client.request(1, &get("/a#/../b")).await;
    client.until(|frame| frame.stream == 1 && frame.ends_stream()).await;
    assert_eq!(app.only().line(), "GET /a HTTP/1.1");
}
