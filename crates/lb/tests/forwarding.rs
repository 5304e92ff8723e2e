//! What passes through, in both directions, and in what shape.

mod support;

use std::time::Duration;

use support::{App, Balancer, Client, Reply, eventually, get, request};
use tokio::io::AsyncReadExt;

async fn pair(script: impl Fn(&support::app::Seen) -> Reply + Send + Sync + 'static) -> (App, Balancer) {
    let app = App::doing(script).await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    (app, balancer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_sees_the_client_the_host_and_an_id_that_the_client_sees_too() {
    let (app, balancer) = pair(|_| Reply::Ok("hi")).await;
    let answer = request(
        balancer.address,
        "GET /%2e/./a?b=c%20 HTTP/1.1\r\nHost: Www.Example:81\r\nAccept: x/y\r\ntraceparent: 00-1-2-01\r\n\
         X-Forwarded-For: 1.2.3.4\r\nX_Forwarded_For: 1.2.3.4\r\nX-Request-Id: mine\r\n\r\n",
    )
    .await;
    let seen = app.only();
    assert_eq!(seen.line(), "GET /%2e/./a?b=c%20 HTTP/1.1");
    assert_eq!(seen.header("host"), ["Www.Example:81"]);
    assert_eq!(seen.header("x-forwarded-host"), ["Www.Example:81"]);
    assert_eq!(seen.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.header("x_forwarded_for"), [""; 0]);
    assert_eq!(
        seen.header("forwarded"),
        ["for=127.0.0.1;proto=http;host=\"Www.Example:81\""]
    );
    // Not a trace: one is begun.
    let trace = seen.header("traceparent");
    assert_eq!((trace.len(), trace[0].len()), (1, 55), "{trace:?}");
    assert_eq!(seen.header("via"), ["1.1 radiodeck-lb"]);
    let id = seen.header("x-request-id");
    assert_eq!((id.len(), id[0].len()), (1, 32), "{id:?}");
    assert_eq!(answer.header("x-request-id"), Some(id[0]), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_is_believed() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(
        &[&app],
        "",
        "[client]\ntrusted_proxies = [\"10.0.0.0/8\", \"127.0.0.0/8\"]",
    )
    .await;
    let answer = request(
        balancer.address,
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: b\r\nX-Request-Id: mine.1\r\n\r\n",
    )
    .await;
    let seen = app.only();
    assert_eq!(seen.header("x-forwarded-for"), ["203.0.113.7, 127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.header("x-forwarded-host"), ["b"]);
    assert_eq!(
        seen.header("forwarded"),
        ["for=203.0.113.7;proto=https;host=b, for=127.0.0.1;proto=http;host=a"]
    );
    assert_eq!(answer.header("x-request-id"), Some("mine.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hop_by_hop_headers_stay_on_their_hop_in_both_directions() {
    let (app, balancer) = pair(|_| {
        let answer = "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nX-End: 1\r\n\
                      Content-Length: 2\r\n\r\nhi";
        Reply::Raw(answer.into())
    })
    .await;
    let answer = request(
        balancer.address,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Secret, Upgrade, HTTP2-Settings\r\nX-Secret: 1\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nProxy-Connection: close\r\n\r\n",
    )
    .await;
    assert_eq!(answer.text(), "hi");
    assert_eq!(answer.header("x-end"), Some("1"));
    for name in ["x-hop", "keep-alive", "connection"] {
        assert_eq!(answer.header(name), None, "{answer:?}");
    }
    let seen = app.only();
    for name in [
        "x-secret",
        "upgrade",
        "http2-settings",
        "connection",
        "proxy-connection",
    ] {
        assert_eq!(seen.header(name), [""; 0], "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_content_have_none() {
    let (_app, balancer) = pair(|seen| {
        let status = match seen.line() {
            "GET /204 HTTP/1.1" => "204 No Content",
            "GET /304 HTTP/1.1" => "304 Not Modified\r\nETag: \"x\"",
            _ => "200 OK\r\nContent-Length: 5",
        };
        Reply::Raw(format!("HTTP/1.1 {status}\r\n\r\n").into())
    })
    .await;
    let mut client = Client::connect(balancer.address).await;
    for (method, path, status, length) in [
        ("HEAD", "/", 200, Some("5")),
        ("GET", "/204", 204, None),
        ("GET", "/304", 304, None),
        ("HEAD", "/", 200, Some("5")),
    ] {
        client
            .send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        let answer = client.read(method).await;
        assert_eq!(
            (answer.status, answer.header("content-length")),
            (status, length),
            "{answer:?}"
        );
        assert_eq!(answer.header("transfer-encoding"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_any_framing_arrive_whole() {
    let (app, balancer) = pair(|_| {
        Reply::Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x\r\ndefg\r\n0\r\n\r\n".into())
    })
    .await;
    let large = "x".repeat(300_000);
    let cases = [
        (format!("Content-Length: {}\r\n\r\n{large}", large.len()), large.clone()),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".into(),
            String::new(),
        ),
    ];
    for method in ["POST", "GET", "DELETE"] {
        for (rest, body) in &cases {
            let answer = request(balancer.address, format!("{method} / HTTP/1.1\r\nHost: a\r\n{rest}")).await;
            assert_eq!(answer.text(), "abcdefg", "{method}");
            let seen = app.seen().pop().expect("seen");
            if body.is_empty() {
                let text = String::from_utf8_lossy(&seen.body).into_owned();
                let data: String = text.split("\r\n").skip(1).step_by(2).collect();
                assert_eq!(data, "abcde", "{seen:?}");
            } else {
                assert_eq!(seen.body, body.as_bytes());
            }
        }
    }
    // An HTTP/1.0 client cannot read chunks.
    let answer = request(balancer.address, "GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert_eq!(
        (answer.text(), answer.header("transfer-encoding")),
        ("abcdefg".into(), None),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_pass_if_they_are_announced_and_wanted() {
    let (app, balancer) = pair(|_| {
        let answer =
            "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n";
        Reply::Raw(answer.into())
    })
    .await;
    let mut client = Client::connect(balancer.address).await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n")
        .await;
    let mut all = String::new();
    client.stream.read_to_string(&mut all).await.expect("read");
    assert!(all.ends_with("2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n"), "{all}");
    assert_eq!(app.only().header("te"), ["trailers"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9110_10_1_1_a_client_that_waits_for_100_gets_it_and_servers_are_not_asked() {
    let (app, balancer) = pair(|_| Reply::Ok("done")).await;
    let mut client = Client::connect(balancer.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        .await;
    assert_eq!(client.read("POST").await.status, 100);
    client.send("hello").await;
    assert_eq!(client.read("POST").await.text(), "done");
    let seen = app.only();
    assert_eq!((seen.header("expect"), &seen.body[..]), (vec![], &b"hello"[..]));
    // Nobody invites a body that nobody will read.
    client
        .send("POST /#x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        .await;
    assert_eq!(client.read("POST").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn informational_answers_of_servers_are_not_taken_for_the_answer() {
    let (_app, balancer) = pair(|_| {
        let answer = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                      HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        Reply::Raw(answer.into())
    })
    .await;
    let answer = get(balancer.address, "a", "/").await;
    assert_eq!((answer.status, &*answer.text()), (200, "hi"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_valid_http_is_502_and_its_connection_is_not_used_again() {
    let bad = [
        "garbage\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nabc",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX\r\nContent-Length: 0\r\n\r\n",
    ];
    for answer in bad {
        let (app, balancer) = pair(move |seen| match seen.line() {
            "GET /bad HTTP/1.1" => Reply::Raw(answer.into()),
            _ => Reply::Ok("good"),
        })
        .await;
        let got = get(balancer.address, "a", "/bad").await;
        assert_eq!(got.status, 502, "{answer:?}: {got:?}");
        assert_eq!(
            get(balancer.address, "a", "/good").await.text(),
            "good",
            "after {answer:?}"
        );
        drop(app);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_a_huge_head_is_502() {
    let (_app, balancer) =
        pair(|_| Reply::Raw(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(100_000)).into())).await;
    assert_eq!(get(balancer.address, "a", "/").await.status, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_seen_to_break_off() {
    for head in ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n", ""] {
        for version in ["1.1", "1.0"] {
            let body = if head.starts_with('T') { "4\r\nhalf\r\n" } else { "half" };
            let bytes = format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}");
            // Without a length only a reset tells a break from an end.
            let (_app, balancer) = pair(move |_| Reply::RawReset(bytes.clone().into())).await;
            let mut client = Client::connect(balancer.address).await;
            client.send(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n")).await;
            let answer = client.try_read("GET").await;
            assert!(answer.is_none(), "{head:?} for HTTP/{version}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_come_before_the_request_has_ended() {
    let app = App::doing(|_| Reply::Ok("unused")).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let early = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 16];
                if stream.read_exact(&mut head).await.is_ok() {
                    let body = if head.starts_with(b"GET /healthz") {
                        ""
                    } else {
                        "too much"
                    };
                    let status = if body.is_empty() {
                        "200 OK"
                    } else {
                        "413 Content Too Large"
                    };
                    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    let _sent = tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await;
                    tokio::time::sleep(Duration::from_secs(30)).await;
                }
            });
        }
    });
    let balancer = Balancer::start(&format!(
        "[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [\"{early}\"]\ncheck.interval_ms = 50"
    ))
    .await;
    balancer.wait_for_healthy(1).await;
    let mut client = Client::connect(balancer.address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nonly this")
        .await;
    let answer = client.read("POST").await;
    assert_eq!((answer.status, &*answer.text()), (413, "too much"));
    drop(app);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_its_side_still_gets_its_answer() {
    let (_app, balancer) = pair(|_| Reply::Slow(Duration::from_millis(100), "late")).await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream)
        .await
        .expect("shut down");
    assert_eq!(client.read("GET").await.text(), "late");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_servers_are_used_again() {
    let (app, balancer) = pair(|_| Reply::Ok("hi")).await;
    for _ in 0..50 {
        assert_eq!(get(balancer.address, "a", "/").await.status, 200);
    }
    assert_eq!(app.count(), 50);
    let connects = balancer.metric("lb_connects_total");
    assert!((1..=2).contains(&connects), "{connects} connections by 2 workers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_the_server_back() {
    // The answer is as large as it gets; what is buffered on its way is not.
    let (sent_tx, mut sent_rx) = tokio::sync::watch::channel(0usize);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sent = sent_tx.clone();
            tokio::spawn(async move {
                use tokio::io::AsyncWriteExt;
                let mut head = [0; 16];
                stream.read_exact(&mut head).await.expect("a head");
                if head.starts_with(b"GET /healthz") {
                    let _sent = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                    return;
                }
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n")
                    .await
                    .expect("sent");
                let block = vec![b'x'; 1 << 16];
                while stream.write_all(&block).await.is_ok() {
                    sent.send_modify(|sent| *sent += block.len());
                }
            });
        }
    });
    let balancer = Balancer::start(&format!(
        "[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [\"{address}\"]\ncheck.interval_ms = 50"
    ))
    .await;
    balancer.wait_for_healthy(1).await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // It comes to rest, and far from the end: what sockets hold is in the way.
    let mut last = 0;
    loop {
        match tokio::time::timeout(Duration::from_millis(500), sent_rx.changed()).await {
            Ok(_) => last = *sent_rx.borrow_and_update(),
            Err(_) if last > 0 => break,
            Err(_) => {}
        }
    }
    assert!(last < 100_000_000, "{last} bytes were taken from the server");
    // And it moves on when the client reads.
    let mut block = vec![0; 1 << 20];
    for _ in 0..64 {
        client.stream.read_exact(&mut block).await.expect("more");
    }
    eventually("the server sends on", async || {
        let now = *sent_rx.borrow();
        if now > last { Ok(()) } else { Err(format!("{now}")) }
    })
    .await;
}
