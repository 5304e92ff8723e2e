//! A new configuration while requests go on: all of it or nothing, and nobody is
//! cut off.

mod support;

use std::io::Write;
use std::time::Duration;

use support::{App, Balancer, Client, Reply, get};
use tempfile::NamedTempFile;

/// Two hosts, each with a pool of one server.
fn config(a: &App, b: &App, more: &str) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\nworkers = 2\n\
         [[routes]]\nhost = \"a\"\npool = \"a\"\n[[routes]]\nhost = \"b\"\npool = \"b\"\n{more}\n\
         [[pools]]\nname = \"a\"\nservers = [\"{}\"]\ncheck.interval_ms = 50\n\
         [[pools]]\nname = \"b\"\nservers = [\"{}\"]\ncheck.interval_ms = 50\n",
        a.address, b.address
    )
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

async fn reload(balancer: &Balancer) -> Result<String, String> {
    balancer.context.reload().await.expect("reloadable")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_routes_and_servers_on_connections_that_stay_open() {
    let (one, two) = (App::saying("one").await, App::saying("two").await);
    let file = file(&config(&one, &two, ""));
    let balancer = Balancer::from_file(file.path()).await;
    balancer.wait_for_healthy(2).await;
    let mut kept = Client::connect(balancer.address).await;
    let mut ask = async |host: &str| {
        kept.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        kept.read("GET").await
    };
    assert_eq!(ask("a").await.text(), "one");
    assert_eq!(ask("c").await.status, 404);

    let route = "[[routes]]\nhost = \"c\"\npool = \"b\"\n";
    std::fs::write(file.path(), config(&two, &one, route)).expect("written");
    let change = reload(&balancer).await.expect("taken");
    assert!(change.contains("generation 2"), "{change}");
    balancer.wait_for_healthy(2).await;
    assert_eq!(ask("a").await.text(), "two");
    assert_eq!(ask("b").await.text(), "one");
    assert_eq!(ask("c").await.text(), "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_under_way_is_finished_by_a_server_that_the_reload_took_out() {
    let slow = App::doing(|_| Reply::Slow(Duration::from_millis(1500), "late")).await;
    let other = App::saying("other").await;
    let file = file(&config(&slow, &other, ""));
    let balancer = Balancer::from_file(file.path()).await;
    balancer.wait_for_healthy(2).await;
    let mut busy = Client::connect(balancer.address).await;
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    support::eventually("under way", async || match slow.count() {
        1 => Ok(()),
        count => Err(format!("{count} requests")),
    })
    .await;
    std::fs::write(file.path(), config(&other, &other, "")).expect("written");
    reload(&balancer).await.expect("taken");
    assert_eq!(get(balancer.address, "a", "/").await.text(), "other");
    assert_eq!(busy.read("GET").await.text(), "late");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_pool_keeps_what_is_known_of_its_servers() {
    let (one, two) = (App::saying("one").await, App::saying("two").await);
    let file = file(&config(&one, &two, ""));
    let balancer = Balancer::from_file(file.path()).await;
    balancer.wait_for_healthy(2).await;
    assert_eq!(get(balancer.address, "a", "/").await.text(), "one");
    // So rare that nobody asks again within this test.
    let text = config(&one, &two, "").replace("interval_ms = 50", "interval_ms = 3600000");
    std::fs::write(file.path(), text).expect("written");
    reload(&balancer).await.expect("taken");
    let metrics = balancer.metrics();
    let healthy = metrics
        .lines()
        .filter(|line| line.starts_with("radiodeck_lb_server_healthy{") && line.ends_with(" 1"));
    assert_eq!(healthy.count(), 2, "{metrics}");
    assert_eq!(balancer.metric("lb_requests_total"), 1, "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_changes_nothing_and_names_its_key() {
    let (one, two) = (App::saying("one").await, App::saying("two").await);
    let good = config(&one, &two, "");
    let file = file(&good);
    let balancer = Balancer::from_file(file.path()).await;
    balancer.wait_for_healthy(2).await;
    for (bad, said) in [
        (good.replace("pool = \"b\"", "pool = \"x\""), "routes[1].pool"),
        (
            good.replace("workers = 2", "workers = 3"),
            "`workers`: cannot be changed",
        ),
        (
            good.replace("127.0.0.1:0", "127.0.0.1:1"),
            "`listen`: cannot be changed",
        ),
        (good.replace("workers", "wokrers"), "wokrers"),
        (good.clone() + "[", "not valid TOML"),
    ] {
        std::fs::write(file.path(), bad).expect("written");
        let reason = reload(&balancer).await.expect_err("refused");
        assert!(reason.contains(said), "{reason}");
        assert_eq!(get(balancer.address, "b", "/").await.text(), "two");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_fails_at_a_certificate_changes_nothing_else() {
    let (one, two) = (App::saying("one").await, App::saying("two").await);
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("access.log");
    let local = format!("local_ca = \"{}\"", directory.path().join("ca").display());
    let text = |tls: &str| {
        let tls = format!("[tls]\nlisten = \"127.0.0.1:0\"\n{tls}\n");
        let log = format!("[access_log]\nformat = \"json\"\nfile = \"{}\"\n", log.display());
        (config(&one, &two, &tls), config(&one, &two, &(tls.clone() + &log)))
    };
    let file = file(&text(&local).0);
    let balancer = Balancer::from_file(file.path()).await;
    balancer.wait_for_healthy(2).await;
    let no_directory = format!("local_ca = \"{}\"", file.path().display());
    std::fs::write(file.path(), text(&no_directory).1).expect("written");
    reload(&balancer).await.expect_err("refused");
    assert_eq!(get(balancer.address, "a", "/early").await.text(), "one");

    std::fs::write(file.path(), text(&local).1).expect("written");
    reload(&balancer).await.expect("taken");
    assert_eq!(get(balancer.address, "a", "/late").await.text(), "one");
    support::eventually("a line", async || {
        let lines = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(!lines.contains("/early"), "{lines}");
        if lines.contains("/late") { Ok(()) } else { Err(lines) }
    })
    .await;
}
