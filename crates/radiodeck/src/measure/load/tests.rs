//! The generator against servers that behave badly.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use super::*;

fn plan(addr: SocketAddr, per_second: u32, duration: Duration) -> Plan {
    Plan {
        addr,
        targets: vec![Target::get("www.test", "/a"), Target::get("api.test", "/b")],
        per_second,
        duration,
        deadline: Duration::from_secs(20),
    }
}

/// Runs `serve` for every connection on a thread of its own.
fn server<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            tell.send(listener.local_addr().expect("an address")).expect("told");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
    });
    told.recv().expect("an address")
}

#[test]
fn requests_leave_when_due_though_earlier_ones_wait() {
    // Nobody is answered before all have asked: a generator that waits for answers would hang.
    let everybody = Arc::new(Barrier::new(20));
    let addr = server(move |stream| {
        let everybody = everybody.clone();
        async move {
            let answer = service_fn(move |_| {
                let everybody = everybody.clone();
                async move {
                    everybody.wait().await;
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
                }
            });
            drop(
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await,
            );
        }
    });
    let load = Load::start(plan(addr, 200, Duration::from_millis(100))).expect("started");
    let recording = load.finish().expect("finished");
    assert_eq!(recording.records.len(), 20);
    assert_eq!(recording.failures(), Vec::<String>::new());
    // The first one is charged with its whole wait for the last.
    let first = recording
        .records
        .iter()
        .find(|record| record.due.is_zero())
        .expect("there");
    let last_due = recording.records.iter().map(|record| record.due).max().expect("some");
    assert!(first.latency >= last_due, "{first:?}");
}

#[test]
fn connections_are_kept_and_targets_take_turns() {
    let seen = Arc::new(Mutex::new((0_usize, Vec::new())));
    let addr = server({
        let seen = seen.clone();
        move |stream| {
            let seen = seen.clone();
            async move {
                seen.lock().expect("lock").0 += 1;
                let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let host = request.headers()["host"].to_str().expect("text").to_owned();
                    seen.lock().expect("lock").1.push(host + request.uri().path());
                    async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok")))) }
                });
                drop(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .await,
                );
            }
        }
    });
    let load = Load::start(plan(addr, 100, Duration::from_millis(200))).expect("started");
    assert_eq!(load.finish().expect("finished").failed(), 0);
    let (connections, asked) = &*seen.lock().expect("lock");
    assert!(*connections < 20, "{connections} connections for 20 requests");
    assert_eq!(asked.iter().filter(|asked| *asked == "www.test/a").count(), 10);
    assert_eq!(asked.iter().filter(|asked| *asked == "api.test/b").count(), 10);
}

#[test]
fn half_an_answer_and_an_error_status_are_failures() {
    let addr = server(|mut stream| async move {
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            .await;
    });
    let load = Load::start(plan(addr, 100, Duration::from_millis(50))).expect("started");
    let recording = load.finish().expect("finished");
    assert_eq!(recording.failed(), 5);
    assert!(
        recording.failures()[0].contains("answer broke off"),
        "{:?}",
        recording.failures()
    );

    let addr = server(|stream| async move {
        let answer = service_fn(|_| async {
            let mut answer = Response::new(Full::new(Bytes::new()));
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            Ok::<_, Infallible>(answer)
        });
        drop(
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await,
        );
    });
    let load = Load::start(plan(addr, 100, Duration::from_millis(50))).expect("started");
    let recording = load.finish().expect("finished");
    assert_eq!(
        recording
            .records
            .iter()
            .filter(|r| r.outcome == Outcome::Answered(503))
            .count(),
        5
    );
    assert_eq!(recording.failed(), 5);
}

#[test]
fn the_answer_to_another_request_is_no_good_answer() {
    // It answers with what it was sent.
    let addr = server(|stream| async move {
        let answer = service_fn(|request: http::Request<hyper::body::Incoming>| async {
            let body = http_body_util::BodyExt::collect(request.into_body()).await?;
            Ok::<_, hyper::Error>(Response::new(Full::new(body.to_bytes())))
        });
        drop(
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await,
        );
    });
    let sent = |sent: &'static str, expected: &'static str| {
        Target::post("www.test", "/", sent.into()).expecting(expected.into())
    };
    let targets = vec![
        sent("own", "own"),
        sent("own", "owner"),
        sent("owner", "own"),
        sent("", "own"),
    ];
    let plan = Plan {
        targets,
        ..plan(addr, 100, Duration::from_millis(40))
    };
    let recording = Load::start(plan).expect("started").finish().expect("finished");
    assert_eq!(
        recording.failures(),
        ["3 x the answer to another request (first due at 0.0 s)"]
    );
}

#[test]
fn a_load_on_another_machine_does_not_start() {
    let far = plan("192.0.2.1:80".parse().expect("an address"), 1, Duration::from_secs(1));
    assert!(matches!(Load::start(far), Err(Error::NotLoopback { .. })));
}
