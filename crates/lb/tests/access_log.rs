//! What the access log says, and that nobody waits for it.

mod support;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use support::tls::{self, Trust};
use support::{App, Balancer, Client, Reply, eventually, get, request};
use tokio::io::AsyncReadExt;

/// The part of a configuration that switches the log on.
fn log(format: &str, file: &Path) -> String {
    format!("[access_log]\nformat = \"{format}\"\nfile = \"{}\"", file.display())
}

fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Waits for so many lines.
async fn written(file: &Path, count: usize) -> Vec<String> {
    eventually(&format!("{count} lines"), async || match lines(file) {
        lines if lines.len() == count => Ok(()),
        lines => Err(format!("{lines:#?}")),
    })
    .await;
    lines(file)
}

async fn records(file: &Path, count: usize) -> Vec<Value> {
    let parse = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    written(file, count).await.iter().map(parse).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_line_says_who_asked_what_and_who_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let app = App::saying("hello").await;
    let balancer = Balancer::in_front_of(&[&app], "", &log("json", &file)).await;
    let answer = request(
        balancer.address,
        "GET /a%20b?c='d HTTP/1.1\r\nHost: www.example:81\r\nReferer: x\"y\r\nUser-Agent: t\\u\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
    )
    .await;
    let record = &records(&file, 1).await[0];
    for (key, value) in [
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("host", "www.example:81"),
        ("path", "/a%20b?c='d"),
        ("protocol", "HTTP/1.1"),
        ("pool", "app"),
        ("server", &app.address.to_string()),
        ("request_id", answer.header("x-request-id").expect("an id")),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("referer", "x\"y"),
        ("user_agent", "t\\u"),
        ("ended", "complete"),
    ] {
        assert_eq!(record[key], value, "{key} in {record:#}");
    }
    assert_eq!((&record["status"], &record["bytes"]), (&200.into(), &5.into()));
    assert_eq!((&record["retries"], &record["tls"]), (&0.into(), &Value::Null));
    assert!(record["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{record:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_tells_the_version_of_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let app = App::saying("hi").await;
    let top = format!("{}\n{}", log("json", &file), tls::local(folder.path(), ""));
    let balancer = Balancer::in_front_of(&[&app], "", &top).await;
    for (count, version) in (1..).zip(tls::VERSIONS) {
        let trust = Trust::in_local_ca(folder.path(), &[version]);
        let mut client = trust.connect(tls::address(&balancer), tls::NAME).await;
        assert_eq!(client.get("/").await, "hi");
        let told = records(&file, count).await.pop().expect("a record")["tls"].take();
        let minor = format!("{:?}", version.version).replace('_', ".");
        assert_eq!(told, minor.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_combined_line_is_in_the_form_that_tools_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let app = App::saying("hello").await;
    let balancer = Balancer::in_front_of(&[&app], "", &log("combined", &file)).await;
    request(
        balancer.address,
        "HEAD /x HTTP/1.0\r\nHost: a\r\nUser-Agent: a\"b\r\n\r\n",
    )
    .await;
    let line = &written(&file, 1).await[0];
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    assert!(
        line.ends_with(" +0000] \"HEAD /x HTTP/1.0\" 200 0 \"-\" \"a\\x22b\""),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_behind_trusted_proxies_is_named_and_a_stranger_not_believed() {
    for (trusted, expected) in [
        ("\"127.0.0.0/8\", \"10.0.0.0/8\"", "203.0.113.7"),
        ("\"192.0.2.0/24\"", "127.0.0.1"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("access.log");
        let app = App::saying("hi").await;
        let top = format!("{}\n[client]\ntrusted_proxies = [{trusted}]", log("json", &file));
        let balancer = Balancer::in_front_of(&[&app], "", &top).await;
        request(
            balancer.address,
            "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1, 203.0.113.7\r\nX-Forwarded-For: 10.1.2.3\r\n\r\n",
        )
        .await;
        assert_eq!(records(&file, 1).await[0]["client"], expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_wrong_and_by_whom_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let app = App::doing(|seen| match seen.line() {
        "GET /broken HTTP/1.1" => Reply::RawClose(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".into()),
        "GET /hang HTTP/1.1" => Reply::Hang,
        "GET /large HTTP/1.1" => {
            let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n".to_vec();
            answer.resize(answer.len() + 50_000_000, b'x');
            Reply::Raw(answer)
        }
        _ => Reply::Ok("fine"),
    })
    .await;
    let balancer = Balancer::in_front_of(&[&app], "", &log("json", &file)).await;
    let found = |records: &[Value]| {
        let record = records.last().expect("a record");
        let text = |key: &str| record[key].as_str().map(str::to_owned);
        (record["status"].as_u64(), text("ended"), text("server").is_some())
    };
    let by = |who: &str| Some(who.to_owned());

    let mut client = Client::connect(balancer.address).await;
    client.send("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.try_read("GET").await.is_none());
    assert_eq!(found(&records(&file, 1).await), (Some(200), by("server"), true));

    let mut client = Client::connect(balancer.address).await;
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.stream.read_exact(&mut [0; 1000]).await.expect("a beginning");
    drop(client);
    assert_eq!(found(&records(&file, 2).await), (Some(200), by("client"), true));

    let mut client = Client::connect(balancer.address).await;
    client.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually("under way", async || match app.count() {
        3 => Ok(()),
        count => Err(count.to_string()),
    })
    .await;
    socket2::SockRef::from(&client.stream)
        .set_linger(Some(Duration::ZERO))
        .expect("an option");
    drop(client);
    assert_eq!(found(&records(&file, 3).await), (Some(499), by("client"), true));

    // By the balancer: nothing like HTTP, and a route that is not there.
    assert_eq!(request(balancer.address, "GET\r\n\r\n").await.status, 400);
    let refused = records(&file, 4).await;
    assert_eq!(found(&refused), (Some(400), by("complete"), false));
    assert_eq!(refused[3]["method"], Value::Null);
    assert_eq!(
        request(balancer.address, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
            .await
            .status,
        400
    );
    assert_eq!(found(&records(&file, 5).await), (Some(400), by("complete"), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_sent_again_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let breaks = App::doing(|_| Reply::RawReset(Vec::new())).await;
    let well = App::saying("fine").await;
    let balancer = Balancer::in_front_of(&[&breaks, &well], "", &log("json", &file)).await;
    for _ in 0..2 {
        assert_eq!(get(balancer.address, "a", "/").await.text(), "fine");
    }
    let records = records(&file, 2).await;
    // Which of the two the first turn falls on is up to their ports.
    let retries: u64 = records.iter().filter_map(|record| record["retries"].as_u64()).sum();
    assert!(retries > 0, "{records:#?}");
    let counted = balancer.metric("lb_retries_total") + balancer.metric("lb_redispatches_total");
    assert_eq!(retries, counted, "{records:#?}");
    for record in &records {
        assert_eq!(record["server"], well.address.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_opens_the_file_anew_and_can_switch_the_log_on_and_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, moved) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let config = folder.path().join("lb.toml");
    let app = App::saying("hi").await;
    let configure = |log: &str| {
        let text = format!(
            "listen = \"127.0.0.1:0\"\nworkers = 1\n{log}\n[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\n\
             servers = [\"{}\"]\ncheck.interval_ms = 50",
            app.address
        );
        std::fs::write(&config, text).expect("written");
    };
    configure("");
    let balancer = Balancer::from_file(&config).await;
    balancer.wait_for_healthy(1).await;
    let reload = async || balancer.context.reload().await.expect("reloadable");
    let ask = async |path: &str| assert_eq!(get(balancer.address, "a", path).await.status, 200);
    ask("/unseen").await;

    configure(&log("combined", &file));
    reload().await.expect("reloaded");
    ask("/first").await;
    assert!(written(&file, 1).await[0].contains("/first"));

    // As logrotate does it.
    std::fs::rename(&file, &moved).expect("moved");
    reload().await.expect("reloaded");
    ask("/second").await;
    assert!(written(&file, 1).await[0].contains("/second"));
    assert_eq!(lines(&moved).len(), 1);

    configure(&log("combined", &folder.path().join("nowhere/access.log")));
    let refused = reload().await.expect_err("refused");
    assert!(refused.contains("access_log.file"), "{refused}");
    ask("/third").await;
    assert!(written(&file, 2).await[1].contains("/third"));

    configure("");
    reload().await.expect("reloaded");
    ask("/unseen").await;
    configure(&log("json", &file));
    reload().await.expect("reloaded");
    ask("/fourth").await;
    assert!(written(&file, 3).await[2].contains("\"path\":\"/fourth\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_writes_the_last_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let app = App::doing(|_| Reply::Slow(Duration::from_millis(100), "late")).await;
    let mut balancer =
        Balancer::in_front_of(&[&app], "", &format!("drain_notice_ms = 0\n{}", log("json", &file))).await;
    let mut client = Client::connect(balancer.address).await;
    client.send("GET /last HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually("under way", async || match app.count() {
        1 => Ok(()),
        count => Err(count.to_string()),
    })
    .await;
    balancer.shutdown.begin();
    (&mut balancer.running).await.expect("ended");
    let lines = lines(&file);
    assert!(lines.len() == 1 && lines[0].contains("/last"), "{lines:?}");
}

/// A disk that does not keep up: a pipe that nobody reads.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn when_the_writer_does_not_keep_up_lines_are_dropped_and_counted_and_requests_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    // Held open for reading, so that opening it for writing does not wait.
    let held = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&pipe)
        .expect("opened");
    let app = App::saying("hi").await;
    let top = format!("{}\nbuffer_lines = 20", log("json", &pipe));
    let balancer = Balancer::in_front_of(&[&app], "", &top).await;
    let path = format!("/{}", "x".repeat(4000));
    for _ in 0..60 {
        assert_eq!(get(balancer.address, "a", &path).await.status, 200);
    }
    eventually("drops", async || match balancer.metric("lb_access_log_dropped_total") {
        0 => Err("none".into()),
        _ => Ok(()),
    })
    .await;
    drop(held);
}
