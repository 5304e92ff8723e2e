//! Servers that fail, one way or another, and what a client sees of it: nothing,
//! if its request is safe.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::app::Frozen;
use support::{App, Balancer, Client, Reply, eventually, get, request};

/// A healthy server beside one that does `reply` to everything but checks.
async fn beside(reply: Reply) -> (App, App, Balancer) {
    let good = App::saying("good").await;
    let bad = App::doing(move |_| reply.clone()).await;
    let quick = "upstream.first_byte_ms = 300";
    let balancer = Balancer::in_front_of(&[&good, &bad], quick, "").await;
    (good, bad, balancer)
}

const NO_BYTES: &[u8] = b"";
const HALF_A_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Le";

#[tokio::test(flavor = "multi_thread")]
async fn a_safe_request_survives_whatever_a_server_does_before_it_answers() {
    for reply in [
        Reply::RawClose(NO_BYTES.into()),
        Reply::RawReset(NO_BYTES.into()),
        Reply::RawClose(HALF_A_HEAD.into()),
        Reply::RawReset(HALF_A_HEAD.into()),
        Reply::Raw(b"garbage\r\n\r\n".into()),
    ] {
        let (_good, _bad, balancer) = beside(reply.clone()).await;
        for bytes in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n",
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nsmall",
            "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            for _ in 0..4 {
                let answer = request(balancer.address, bytes).await;
                assert_eq!(
                    (answer.status, &*answer.text()),
                    (200, "good"),
                    "{reply:?}, {bytes:?}: {answer:?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_never_sent_twice() {
    for reply in [
        Reply::RawClose(NO_BYTES.into()),
        Reply::RawReset(NO_BYTES.into()),
        Reply::RawClose(HALF_A_HEAD.into()),
        Reply::RawReset(HALF_A_HEAD.into()),
        Reply::Raw(b"garbage\r\n\r\n".into()),
        Reply::Hang,
    ] {
        let (good, bad, balancer) = beside(reply.clone()).await;
        let mut statuses = Vec::new();
        for index in 0..20 {
            let bytes = format!("POST /{index} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
            statuses.push(request(balancer.address, bytes).await.status);
        }
        let mut lines: Vec<String> = good
            .seen()
            .iter()
            .chain(&bad.seen())
            .map(|seen| seen.line().to_owned())
            .collect();
        let all = lines.len();
        lines.sort();
        lines.dedup();
        assert_eq!(lines.len(), all, "{reply:?}: something arrived twice");
        assert_eq!(all, 20, "{reply:?}: something arrived nowhere");
        let failed = statuses.iter().filter(|status| matches!(status, 502 | 504)).count();
        assert_eq!(failed, bad.count(), "{reply:?}: {statuses:?}");
        assert!(failed >= 1, "{reply:?}: the bad server was never asked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_no_server_has_seen_goes_to_another() {
    let apps = [App::saying("good").await, App::saying("never").await];
    // Checks are far apart: only live traffic can find out.
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1]], "check.interval_ms = 3600000", "").await;
    apps[1].kill().await;
    for _ in 0..6 {
        let answer = request(
            balancer.address,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
        )
        .await;
        assert_eq!((answer.status, &*answer.text()), (200, "good"));
    }
    assert_eq!(apps[0].seen().len(), 6);
    assert!(apps[0].seen().iter().all(|seen| seen.body == b"hi"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_the_server_has_closed_is_nobodys_fault() {
    // One server only: the retry can go nowhere else.
    let app = App::doing(|_| Reply::RawClose(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".into())).await;
    let balancer = Balancer::in_front_of(&[&app], "", "workers = 1").await;
    let mut client = Client::connect(balancer.address).await;
    for method in ["GET", "POST", "GET", "POST", "GET", "POST"] {
        client
            .send(format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"))
            .await;
        assert_eq!(client.read(method).await.text(), "hi", "{method}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(app.count(), 6);
    assert_eq!(balancer.metric("lb_failures_total"), 0);
    assert_eq!(balancer.metric("lb_ejections_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_requests_is_ejected_though_its_checks_pass() {
    let (_good, bad, balancer) = beside(Reply::RawReset(NO_BYTES.into())).await;
    for _ in 0..30 {
        assert_eq!(get(balancer.address, "a", "/").await.text(), "good");
    }
    assert_eq!(balancer.metric("lb_ejections_total"), 1);
    assert_eq!(bad.count(), 3, "three failures eject");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_path_is_504_and_neither_multiplies_nor_ejects_anybody() {
    let mut apps = Vec::new();
    for _ in 0..2 {
        let slow = |seen: &support::app::Seen| match seen.line() {
            "GET /slow HTTP/1.1" => Reply::Hang,
            _ => Reply::Ok("quick"),
        };
        apps.push(App::doing(slow).await);
    }
    let quick = "upstream.first_byte_ms = 100\nejection.failures = 1";
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1]], quick, "").await;
    for _ in 0..6 {
        assert_eq!(get(balancer.address, "a", "/slow").await.status, 504);
        assert_eq!(get(balancer.address, "a", "/").await.text(), "quick");
    }
    assert_eq!(apps[0].count() + apps[1].count(), 12, "a slow request was sent twice");
    assert_eq!(balancer.metric("lb_ejections_total"), 0);
    assert_eq!(balancer.metric("lb_retries_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_kept_connections_cost_no_server_its_name_and_no_budget() {
    // Answers once a connection, says nothing of closing, and closes as soon as
    // the next request is there: the worst moment.
    let app = answers_once().await;
    let top = "workers = 1\n[retry]\nbudget_percent = 0\nbudget_min_per_second = 0";
    let balancer = Balancer::start(&format!(
        "{top}\n[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [\"{app}\"]\n\
         check.interval_ms = 50\nejection.failures = 1"
    ))
    .await;
    balancer.wait_for_healthy(1).await;
    for index in 0..20 {
        let method = if index % 2 == 0 { "GET" } else { "POST" };
        let bytes = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(
            request(balancer.address, bytes).await.text(),
            "once",
            "{index}: {method}"
        );
    }
    assert_eq!(balancer.metric("lb_failures_total"), 0);
    assert_eq!(balancer.metric("lb_ejections_total"), 0);
    assert_eq!(balancer.metric("lb_budget_exhausted_total"), 0);
}

async fn answers_once() -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                let _first = stream.read(&mut buffer).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nonce";
                let _sent = stream.write_all(answer).await;
                let _second = stream.read(&mut buffer).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_resets_while_a_server_works_frees_the_server() {
    let app = App::doing(|_| Reply::Hang).await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually("under way", async || match balancer.metric("lb_server_in_flight") {
        1 => Ok(()),
        other => Err(format!("{other} in flight")),
    })
    .await;
    socket2::SockRef::from(&client.stream)
        .set_linger(Some(std::time::Duration::ZERO))
        .expect("an option");
    drop(client);
    eventually("given up", async || match balancer.metric("lb_server_in_flight") {
        0 => Ok(()),
        other => Err(format!("{other} in flight")),
    })
    .await;
    assert_eq!(balancer.metric("lb_failures_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_only_its_side_still_gets_its_answer() {
    let app = App::doing(|_| Reply::Slow(std::time::Duration::from_millis(500), "late")).await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream)
        .await
        .expect("closed");
    assert_eq!(client.read("GET").await.text(), "late");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_ends_retries_when_everything_fails() {
    let apps = [
        App::doing(|_| Reply::RawReset(vec![])).await,
        App::doing(|_| Reply::RawReset(vec![])).await,
    ];
    let top = "[retry]\nbudget_percent = 10\nbudget_min_per_second = 0";
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1]], "ejection.failures = 0", top).await;
    for _ in 0..40 {
        assert_eq!(get(balancer.address, "a", "/").await.status, 502);
    }
    let asked = apps[0].count() + apps[1].count();
    assert!((40..=48).contains(&asked), "{asked} for 40 requests");
    assert!(balancer.metric("lb_budget_exhausted_total") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_swallows_connections_holds_nobody_up_for_good() {
    let good = App::saying("good").await;
    let frozen = Frozen::bind("127.0.0.1:0".parse().expect("an address")).await;
    let balancer = Balancer::start(&format!(
        "[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [\"{}\", \"{}\"]\n\
         check.interval_ms = 3600000\nupstream.connect_ms = 200",
        good.address,
        frozen.address()
    ))
    .await;
    balancer.wait_for_healthy(1).await;
    let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(get_text(balancer.address))).collect();
    for task in tasks {
        assert_eq!(task.await.expect("answered"), (200, "good".into()));
    }
}

async fn get_text(address: std::net::SocketAddr) -> (u16, String) {
    let answer = get(address, "a", "/").await;
    (answer.status, answer.text())
}

/// A server that answers until it is told to fall silent, checks included, and
/// then keeps its connections open without a word, as a suspended process or a
/// vanished machine does.
async fn falls_silent(silent: Arc<AtomicBool>) -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let silent = silent.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    if silent.load(Ordering::Relaxed) {
                        std::future::pending::<()>().await;
                    }
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nspoken";
                    stream.write_all(answer).await.expect("sent");
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_for_a_server_that_died_silently_are_called_back() {
    let good = App::saying("good").await;
    let silent = Arc::new(AtomicBool::new(false));
    let dying = falls_silent(silent.clone()).await;
    // The deadline for an answer is an hour away: only the checks can tell.
    let balancer = Balancer::start(&format!(
        "[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [\"{}\", \"{dying}\"]\n\
         check.interval_ms = 100\ncheck.timeout_ms = 200\nupstream.first_byte_ms = 3600000",
        good.address
    ))
    .await;
    balancer.wait_for_healthy(2).await;
    for _ in 0..10 {
        get(balancer.address, "a", "/").await;
    }
    silent.store(true, Ordering::Relaxed);
    let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(get_text(balancer.address))).collect();
    for task in tasks {
        assert_eq!(task.await.expect("answered"), (200, "good".into()));
    }
    assert!(balancer.metric("lb_retries_total") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_does_not_cost_a_bystander_on_the_same_server_connection() {
    let app = App::saying("good").await;
    let balancer = Balancer::in_front_of(&[&app], "", "workers = 1").await;
    let mut bystander = Client::connect(balancer.address).await;
    for _ in 0..20 {
        bystander.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(bystander.read("GET").await.text(), "good");
        let bad = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n";
        assert_eq!(request(balancer.address, bad).await.status, 400);
    }
    assert_eq!(app.count(), 20, "a request without an end was taken for one");
    assert_eq!(balancer.metric("lb_failures_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_servers_are_killed_drained_and_restarted_and_no_get_fails() {
    let apps: Vec<App> = {
        let mut apps = Vec::new();
        for text in ["a", "b", "c"] {
            apps.push(App::saying(text).await);
        }
        apps
    };
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1], &apps[2]], "", "").await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..16)
        .map(|index| {
            let (stop, address) = (stop.clone(), balancer.address);
            tokio::spawn(async move {
                let mut answered = 0;
                let mut kept = Client::connect(address).await;
                while !stop.load(Ordering::Relaxed) {
                    let answer = if index % 4 == 0 {
                        get(address, "a", "/").await
                    } else {
                        kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
                        kept.read("GET").await
                    };
                    assert_eq!(answer.status, 200, "{answer:?}");
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    for _ in 0..3 {
        for app in &apps {
            // Killed...
            app.kill().await;
            balancer.wait_for_healthy(2).await;
            app.restart().await;
            balancer.wait_for_healthy(3).await;
            // ...and drained.
            app.healthy.store(false, Ordering::Relaxed);
            balancer.wait_for_healthy(2).await;
            app.kill().await;
            app.healthy.store(true, Ordering::Relaxed);
            app.restart().await;
            balancer.wait_for_healthy(3).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for client in clients {
        answered += client.await.expect("no request failed");
    }
    eventually("nothing is left in flight", async || {
        match balancer.metric("lb_server_in_flight") {
            0 => Ok(()),
            left => Err(format!("{left} in flight after {answered} answers")),
        }
    })
    .await;
}
