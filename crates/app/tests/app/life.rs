//! Start without a database, and the end.

use std::time::Duration;

use app::Limits;
use http::{Method, StatusCode};
use service::{Service, Shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{DEADLINE, get, header, request, send, until, without_database};

const SITE: &str = "www.radiodeck.localhost";
const API: &str = "api.radiodeck.localhost";

#[tokio::test]
async fn without_a_database_it_lives_and_says_so() {
    let limits = Limits {
        request_deadline_ms: 3_000,
        ..Limits::default()
    };
    let (app, context) = without_database(limits).await;
    let reason = context.readiness.check().expect_err("not ready");
    assert!(reason.contains("database"), "{reason}");
    let address = app.local_addr().expect("is bound");
    let shutdown = Shutdown::new(DEADLINE);
    let running = tokio::spawn(app.run(shutdown.clone()));

    assert_eq!(
        get(address, SITE, "/healthz").await.status(),
        StatusCode::OK,
        "just started"
    );
    assert_eq!(get(address, SITE, "/about").await.status(), StatusCode::OK);
    let home = get(address, SITE, "/").await;
    assert_eq!(home.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(home.body().contains("Signal lost for a moment"), "{}", home.body());
    assert!(!header(&home, "retry-after").is_empty());
    for (method, path) in [
        (Method::GET, "/json/stats"),
        (Method::GET, "/json/stations"),
        (Method::POST, "/json/vote/aaaaaaaa-0000-4000-8000-000000000004"),
    ] {
        let ask = request(method, API, path).body(String::new()).expect("a request");
        let answer = send(address, ask).await;
        assert_eq!(
            answer.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{path}: {}",
            answer.body()
        );
        assert_eq!(header(&answer, "content-type"), "application/problem+json", "{path}");
        assert!(!header(&answer, "retry-after").is_empty(), "{path}");
    }
    shutdown.begin();
    let ended = timeout(DEADLINE, running).await.expect("ends").expect("does not panic");
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test]
async fn a_drain_warns_first_and_finishes_what_was_begun() {
    let (app, _context) = without_database(Limits::default()).await;
    let address = app.local_addr().expect("is bound");
    let shutdown = Shutdown::new(DEADLINE);
    let running = tokio::spawn(app.run(shutdown.clone()));

    // Half of a request: its answer must come although the drain begins.
    let mut slow = TcpStream::connect(address).await.expect("connects");
    let half =
        format!("POST /yaml/stats HTTP/1.1\r\nhost: {API}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n");
    slow.write_all(half.as_bytes()).await.expect("written");
    assert_eq!(get(address, SITE, "/healthz").await.status(), StatusCode::OK);

    shutdown.begin();
    let warned = get(address, API, "/healthz").await;
    assert_eq!(warned.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(warned.body(), "draining\n");
    let late = get(address, SITE, "/about").await;
    assert_eq!(
        late.status(),
        StatusCode::OK,
        "connections are accepted for another while"
    );
    assert_eq!(header(&late, "connection"), "close");

    until("the port closes", async || TcpStream::connect(address).await.is_err()).await;
    slow.write_all(b"\r\n{}").await.expect("written");
    let mut answer = String::new();
    timeout(DEADLINE, slow.read_to_string(&mut answer))
        .await
        .expect("an answer and the end")
        .expect("read");
    assert!(answer.starts_with("HTTP/1.1 406 "), "{answer}");
    let ended = timeout(DEADLINE, running).await.expect("ends").expect("does not panic");
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test]
async fn a_client_that_never_asks_does_not_hold_up_the_end() {
    let (app, _context) = without_database(Limits::default()).await;
    let address = app.local_addr().expect("is bound");
    let shutdown = Shutdown::new(DEADLINE);
    let running = tokio::spawn(app.run(shutdown.clone()));
    let _idle = TcpStream::connect(address).await.expect("connects");
    assert_eq!(get(address, SITE, "/healthz").await.status(), StatusCode::OK);
    shutdown.begin();
    timeout(DEADLINE, running)
        .await
        .expect("ends")
        .expect("does not panic")
        .expect("ends well");
}

#[tokio::test]
async fn a_slow_body_is_the_clients_fault_and_ends_the_connection() {
    let limits = Limits {
        request_deadline_ms: 100,
        body_deadline_ms: 300,
        ..Limits::default()
    };
    let (app, _context) = without_database(limits).await;
    let address = app.local_addr().expect("is bound");
    tokio::spawn(app.run(Shutdown::new(Duration::from_secs(1))));
    let mut slow = TcpStream::connect(address).await.expect("connects");
    let begun = format!(
        "POST /json/stations/search HTTP/1.1\r\nhost: {API}\r\n\
         content-type: application/json\r\ncontent-length: 20\r\n\r\n{{\"na"
    );
    slow.write_all(begun.as_bytes()).await.expect("written");
    let mut answer = String::new();
    timeout(DEADLINE, slow.read_to_string(&mut answer))
        .await
        .expect("an answer and the end")
        .expect("read");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: application/problem+json\r\n"),
        "{answer}"
    );
    assert!(!answer.contains("retry-after"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_their_turn() {
    let limits = Limits {
        max_connections: 1,
        header_read_timeout_ms: 300,
        ..Limits::default()
    };
    let (app, _context) = without_database(limits).await;
    let address = app.local_addr().expect("is bound");
    tokio::spawn(app.run(Shutdown::new(Duration::from_secs(1))));
    // Holds the only place until the header timeout takes it away.
    let _silent = TcpStream::connect(address).await.expect("connects");
    assert_eq!(get(address, SITE, "/healthz").await.status(), StatusCode::OK);
}
