//! Servers that take so many requests at once and no more, and the line in which
//! the others wait.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use support::http2::{Http2, request, text};
use support::{App, Balancer, Client, Reply, eventually, get};
use tokio::sync::watch;

/// A server that answers nothing until it is told to.
async fn gated() -> (App, Arc<watch::Sender<bool>>) {
    let (open, gate) = watch::channel(false);
    let app = App::doing(move |_| Reply::When(gate.clone(), "done")).await;
    (app, Arc::new(open))
}

/// A client that has asked for `path` and waits.
async fn asking(address: SocketAddr, path: &str) -> Client {
    let mut client = Client::connect(address).await;
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    client
}

async fn until(balancer: &Balancer, metric: &str, value: u64) {
    eventually(metric, async || match balancer.metric(metric) {
        now if now == value => Ok(()),
        now => Err(format!("{now} and not {value}")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_never_has_more_than_it_may_and_all_that_wait_are_answered_in_turn() {
    let (app, open) = gated().await;
    let pool = "max_requests = 1\nqueue.timeout_ms = 60000";
    let balancer = Balancer::in_front_of(&[&app], pool, "workers = 4").await;
    let mut clients = Vec::new();
    for index in 0..10u64 {
        clients.push(asking(balancer.address, &format!("/{index}")).await);
        until(&balancer, "lb_queue", index).await;
        until(&balancer, "lb_server_in_flight", 1).await;
    }
    assert_eq!(app.count(), 1, "more at once than it may have");
    open.send_replace(true);
    for client in &mut clients {
        assert_eq!(client.read("GET").await.text(), "done");
    }
    let lines: Vec<String> = app.seen().iter().map(|seen| seen.line().to_owned()).collect();
    let expected: Vec<String> = (0..10).map(|index| format!("GET /{index} HTTP/1.1")).collect();
    assert_eq!(lines, expected);
    until(&balancer, "lb_queue", 0).await;
    until(&balancer, "lb_server_in_flight", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn above_the_length_of_the_line_and_after_its_deadline_it_is_503() {
    let (app, open) = gated().await;
    let pool = "max_requests = 1\nqueue = { length = 2, timeout_ms = 400 }";
    let balancer = Balancer::in_front_of(&[&app], pool, "").await;
    let mut served = asking(balancer.address, "/").await;
    until(&balancer, "lb_server_in_flight", 1).await;
    let mut waiting = [asking(balancer.address, "/").await, asking(balancer.address, "/").await];
    until(&balancer, "lb_queue", 2).await;
    let refused = get(balancer.address, "a", "/").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(balancer.metric("lb_queue_full_total"), 1);
    for client in &mut waiting {
        let late = client.read("GET").await;
        assert_eq!((late.status, late.header("retry-after")), (503, Some("1")));
    }
    assert_eq!(balancer.metric("lb_queue_timeouts_total"), 2);
    open.send_replace(true);
    assert_eq!(served.read("GET").await.text(), "done");
    assert_eq!(get(balancer.address, "a", "/").await.text(), "done");
    assert_eq!(app.count(), 2, "one that was given up was sent all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_line_a_request_too_many_is_refused_at_once() {
    let (app, _open) = gated().await;
    let balancer = Balancer::in_front_of(&[&app], "max_requests = 1\nqueue.length = 0", "").await;
    let _served = asking(balancer.address, "/").await;
    until(&balancer, "lb_server_in_flight", 1).await;
    assert_eq!(get(balancer.address, "a", "/").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_may_not_take_goes_to_another_that_may() {
    let (full, _open) = gated().await;
    let free = App::saying("free").await;
    let balancer = Balancer::in_front_of(&[&full, &free], "max_requests = 1", "workers = 1").await;
    let _both = [asking(balancer.address, "/").await, asking(balancer.address, "/").await];
    eventually("one is held", async || match full.count() {
        1 => Ok(()),
        other => Err(format!("{other}")),
    })
    .await;
    for _ in 0..10 {
        assert_eq!(get(balancer.address, "a", "/").await.text(), "free");
    }
    assert_eq!(full.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_while_they_wait_leave_the_line() {
    let (app, open) = gated().await;
    let pool = "max_requests = 1\nqueue.timeout_ms = 60000";
    let balancer = Balancer::in_front_of(&[&app], pool, "workers = 2").await;
    let mut served = asking(balancer.address, "/").await;
    until(&balancer, "lb_server_in_flight", 1).await;
    let gone: Vec<_> = [
        asking(balancer.address, "/gone").await,
        asking(balancer.address, "/gone").await,
    ]
    .into();
    until(&balancer, "lb_queue", 2).await;
    let mut patient = asking(balancer.address, "/patient").await;
    until(&balancer, "lb_queue", 3).await;
    for client in gone {
        socket2::SockRef::from(&client.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("an option");
    }
    until(&balancer, "lb_queue", 1).await;
    open.send_replace(true);
    assert_eq!(served.read("GET").await.text(), "done");
    assert_eq!(patient.read("GET").await.text(), "done");
    assert_eq!(app.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_put_back_serves_those_that_wait() {
    let (busy, _open) = gated().await;
    let spare = App::saying("spare").await;
    let pool = "max_requests = 1\nqueue.timeout_ms = 60000";
    let balancer = Balancer::in_front_of(&[&busy, &spare], pool, "").await;
    let word = |word: &str| format!("/pools/app/servers/{}/{word}", spare.address);
    assert_eq!(balancer.post(&word("drain")).await.status, 200);
    let _held = asking(balancer.address, "/").await;
    until(&balancer, "lb_server_in_flight", 1).await;
    let mut waiting = asking(balancer.address, "/").await;
    until(&balancer, "lb_queue", 1).await;
    assert_eq!(balancer.post(&word("enable")).await.status, 200);
    assert_eq!(waiting.read("GET").await.text(), "spare");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_raises_the_limit_serves_those_that_wait() {
    let (app, open) = gated().await;
    let config = |limit: usize| {
        format!(
            "listen = \"127.0.0.1:0\"\nworkers = 2\n[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\n\
             name = \"app\"\nservers = [\"{}\"]\ncheck.interval_ms = 50\nmax_requests = {limit}\n\
             queue.timeout_ms = 60000\n",
            app.address
        )
    };
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), config(1)).expect("written");
    let balancer = Balancer::from_file(file.path()).await;
    balancer.wait_for_healthy(1).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(asking(balancer.address, "/").await);
    }
    until(&balancer, "lb_queue", 3).await;
    std::fs::write(file.path(), config(3)).expect("written");
    balancer.context.reload().await.expect("reloadable").expect("taken");
    until(&balancer, "lb_queue", 1).await;
    until(&balancer, "lb_server_in_flight", 3).await;
    open.send_replace(true);
    for client in &mut clients {
        assert_eq!(client.read("GET").await.text(), "done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_storm_nobody_is_forgotten_and_the_limit_holds() {
    let apps = [
        App::doing(|_| Reply::Slow(Duration::from_millis(2), "a")).await,
        App::doing(|_| Reply::Slow(Duration::from_millis(2), "b")).await,
    ];
    let pool = "max_requests = 2\nqueue.timeout_ms = 60000\nbalance = \"least_requests\"";
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1]], pool, "workers = 4").await;
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let address = balancer.address;
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                for _ in 0..25 {
                    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
                    assert_eq!(client.read("GET").await.status, 200);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("answered");
    }
    assert_eq!(apps[0].count() + apps[1].count(), 1000);
    assert!(balancer.metric("lb_queued_total") > 0, "nobody ever waited");
    for app in &apps {
        assert!(app.most_at_once() <= 2, "{} at once", app.most_at_once());
    }
    until(&balancer, "lb_queue", 0).await;
    until(&balancer, "lb_server_in_flight", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_a_reload_adds_is_passed_on_by_those_that_cannot_use_it() {
    let (busy, open) = gated().await;
    let added = App::saying("added").await;
    let config = |servers: &str| {
        format!(
            "listen = \"127.0.0.1:0\"\nworkers = 1\n[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\n\
             name = \"app\"\nservers = [{servers}]\ncheck.interval_ms = 50\nmax_requests = 1\n\
             queue.timeout_ms = 60000\n"
        )
    };
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), config(&format!("\"{}\"", busy.address))).expect("written");
    let balancer = Balancer::from_file(file.path()).await;
    balancer.wait_for_healthy(1).await;
    // They keep to the plan that they began with.
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(asking(balancer.address, "/").await);
    }
    until(&balancer, "lb_queue", 3).await;
    let both = config(&format!("\"{}\", \"{}\"", busy.address, added.address));
    std::fs::write(file.path(), both).expect("written");
    balancer.context.reload().await.expect("reloadable").expect("taken");
    balancer.wait_for_healthy(2).await;
    for _ in 0..5 {
        assert_eq!(get(balancer.address, "a", "/").await.text(), "added");
    }
    let queued = balancer.metric("lb_queued_total");
    assert!(queued < 30, "the place went round {queued} times");
    open.send_replace(true);
    for client in &mut clients {
        assert_eq!(client.read("GET").await.text(), "done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_of_a_whole_request_counts_while_it_waits() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n";
    let app = App::doing(move |_| Reply::Raw(switch.into())).await;
    let pool = "max_requests = 1\nqueue.timeout_ms = 60000\nupstream.request_ms = 300";
    let balancer = Balancer::in_front_of(&[&app], pool, "").await;
    // A tunnel takes the only place, and no such deadline ends it.
    let mut tunnel = Client::connect(balancer.address).await;
    let ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n";
    tunnel.send(ask).await;
    assert_eq!(tunnel.read("GET").await.status, 101);
    assert_eq!(get(balancer.address, "a", "/").await.status, 504);
    assert_eq!(balancer.metric("lb_queue_timeouts_total"), 0);
    until(&balancer, "lb_queue", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_http_2_that_is_taken_back_leaves_the_line() {
    let (app, open) = gated().await;
    let pool = "max_requests = 1\nqueue.timeout_ms = 60000";
    let balancer = Balancer::in_front_of(&[&app], pool, "").await;
    let client = Http2::connect(&balancer).await;
    let (first, _) = client.begin(request("GET", "/first"), true).await;
    until(&balancer, "lb_server_in_flight", 1).await;
    let (second, mut taken_back) = client.begin(request("GET", "/second"), true).await;
    let (third, _) = client.begin(request("GET", "/third"), true).await;
    until(&balancer, "lb_queue", 2).await;
    taken_back.send_reset(h2::Reason::CANCEL);
    drop(second);
    until(&balancer, "lb_queue", 1).await;
    open.send_replace(true);
    for answer in [first, third] {
        assert_eq!(text(answer.await.expect("answered")).await, "done");
    }
    let lines: Vec<String> = app.seen().iter().map(|seen| seen.line().to_owned()).collect();
    assert_eq!(lines, ["GET /first HTTP/1.1", "GET /third HTTP/1.1"]);
    until(&balancer, "lb_server_in_flight", 0).await;
}
