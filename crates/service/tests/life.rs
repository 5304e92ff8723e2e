//! The life of a real service process, from its first log line to its exit code.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(20);

/// The example service of this crate, which `cargo test` builds.
fn clock() -> Command {
    let test = std::env::current_exe().expect("own path");
    let target = test.ancestors().nth(2).expect("target folder");
    let mut command = Command::new(target.join("examples/clock"));
    command
        .env("RADIODECK_CLOCK__LISTEN", "127.0.0.1:0")
        .env("RADIODECK_CLOCK__SERVICE__ADMIN_LISTEN", "127.0.0.1:0")
        .args(["--log-format", "json"]);
    command
}

struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
    said: Vec<String>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example is built by a `cargo test` that does not name a single test target");
        let log = BufReader::new(child.stderr.take().expect("piped"));
        Self {
            child,
            log,
            said: Vec::new(),
        }
    }

    /// Reads the log until an event satisfies `wanted`.
    fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            let length = self.log.read_line(&mut line).expect("a readable log");
            assert_ne!(length, 0, "the log ended: {:#?}", self.said);
            self.said.push(line.trim().to_owned());
            if let Ok(event) = serde_json::from_str::<Value>(&line)
                && wanted(&event)
            {
                return event;
            }
        }
    }

    fn wait_for_listener(&mut self, what: &str) -> String {
        let event = self.wait_for(|event| event["message"] == "listening" && event["what"] == what);
        event["addr"].as_str().expect("addr").to_owned()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success());
    }

    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().expect("waitable") {
                return status;
            }
            assert!(Instant::now() < end, "still running: {:#?}", self.said);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already when the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(admin: &str, path: &str) -> String {
    ask(admin, "GET", path)
}

fn ask(admin: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(admin).expect("the admin listener");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn until_it_answers(admin: &str, path: &str, wanted: &str) {
    let end = Instant::now() + DEADLINE;
    loop {
        let answer = get(admin, path);
        if answer.contains(wanted) {
            return;
        }
        assert!(Instant::now() < end, "{path} never said {wanted}: {answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_service_becomes_ready_when_its_last_latch_drops() {
    let mut service = Running::start(clock().env("RADIODECK_CLOCK__WARM_UP_MS", "1500"));
    let admin = service.wait_for_listener("admin");
    service.wait_for_listener("tcp");
    let early = get(&admin, "/ready");
    assert!(early.starts_with("HTTP/1.1 503"), "{early}");
    assert!(early.contains("waiting for: warm-up"), "{early}");
    assert!(get(&admin, "/live").starts_with("HTTP/1.1 200"));
    service.wait_for(|event| event["message"] == "ready");
    assert!(get(&admin, "/ready").starts_with("HTTP/1.1 200"));
}

#[test]
fn the_admin_listener_tells_status_and_metrics() {
    let mut service = Running::start(&mut clock());
    let admin = service.wait_for_listener("admin");
    until_it_answers(&admin, "/status", r#""clock":{"ticks":true}"#);
    let status = get(&admin, "/status");
    assert!(status.contains(r#""name":"clock""#), "{status}");
    assert!(get(&admin, "/metrics").contains("# EOF"), "not OpenMetrics");
    assert!(get(&admin, "/elsewhere").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_reload_by_signal_or_admin_call_takes_all_of_a_good_file_and_nothing_of_a_bad_one() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(b"prefix = \"old \"\n").expect("written");
    let mut service = Running::start(clock().arg("--config").arg(file.path()));
    let admin = service.wait_for_listener("admin");
    let address = service.wait_for_listener("tcp");
    let tells = || {
        let mut line = String::new();
        let stream = TcpStream::connect(&address).expect("connected");
        BufReader::new(stream).read_line(&mut line).expect("a line");
        line
    };
    assert!(tells().starts_with("old "));

    std::fs::write(file.path(), "prefix = \"new \"\n").expect("written");
    service.signal("-HUP");
    service.wait_for(|event| event["message"] == "reloaded" && event["change"] == "prefix `new `");
    assert!(tells().starts_with("new "));

    std::fs::write(file.path(), "prefix = \"newer \"\nwarm_up_ms = 60001\n").expect("written");
    let answer = ask(&admin, "POST", "/reload");
    assert!(
        answer.starts_with("HTTP/1.1 422") && answer.contains("`warm_up_ms`"),
        "{answer}"
    );
    service.wait_for(|event| event["level"] == "ERROR" && event["message"].to_string().contains("stays as it was"));
    assert!(tells().starts_with("new "));

    std::fs::write(file.path(), "prefix = \"newer \"\n").expect("written");
    let answer = ask(&admin, "POST", "/reload");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("newer"),
        "{answer}"
    );
    assert!(tells().starts_with("newer "));
    assert!(get(&admin, "/reload").starts_with("HTTP/1.1 405"));
}

#[test]
fn sigterm_ends_readiness_first_and_then_the_process() {
    let mut service = Running::start(clock().env("RADIODECK_CLOCK__LAST_WORK_MS", "1000"));
    let admin = service.wait_for_listener("admin");
    service.wait_for(|event| event["message"] == "ready");
    service.signal("-TERM");
    service.wait_for(|event| event["message"] == "draining");
    let answer = get(&admin, "/ready");
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("draining"),
        "{answer}"
    );
    assert!(service.wait().success(), "{:#?}", service.said);
}

#[test]
fn a_drain_that_takes_too_long_is_cut_and_counts_as_a_failure() {
    let mut service = Running::start(
        clock()
            .env("RADIODECK_CLOCK__LAST_WORK_MS", "600000")
            .env("RADIODECK_CLOCK__SERVICE__DRAIN_DEADLINE_MS", "0"),
    );
    service.wait_for(|event| event["message"] == "ready");
    service.signal("-TERM");
    assert_eq!(service.wait().code(), Some(1), "{:#?}", service.said);
}

#[test]
fn a_second_signal_exits_at_once() {
    let mut service = Running::start(clock().env("RADIODECK_CLOCK__LAST_WORK_MS", "600000"));
    service.wait_for(|event| event["message"] == "ready");
    service.signal("-INT");
    service.wait_for(|event| event["message"] == "draining");
    service.signal("-INT");
    assert_eq!(service.wait().code(), Some(130), "{:#?}", service.said);
}

#[test]
fn the_probe_asks_the_running_instance() {
    let mut service = Running::start(&mut clock());
    let admin = service.wait_for_listener("admin");
    service.wait_for(|event| event["message"] == "ready");
    let probe = |admin: &str| {
        clock()
            .env("RADIODECK_CLOCK__SERVICE__ADMIN_LISTEN", admin)
            .arg("--probe")
            .output()
            .expect("the probe runs")
    };
    let output = probe(&admin);
    assert!(output.status.success(), "{}", stderr(&output));
    // It asks the instance that runs, and does not check what the next would start with.
    let output = clock()
        .env("RADIODECK_CLOCK__SERVICE__ADMIN_LISTEN", &admin)
        .env("RADIODECK_CLOCK__WARM_UP_MS", "60001")
        .arg("--probe")
        .output()
        .expect("the probe runs");
    assert!(output.status.success(), "{}", stderr(&output));
    drop(service);
    let output = probe(&admin);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("no answer from"), "{}", stderr(&output));
}

#[test]
fn check_names_what_is_wrong_and_starts_nothing() {
    let bad = clock()
        .env("RADIODECK_CLOCK__COLOUR", "red")
        .arg("--check")
        .output()
        .expect("runs");
    assert_eq!(bad.status.code(), Some(1));
    assert!(stderr(&bad).contains("RADIODECK_CLOCK__COLOUR"), "{}", stderr(&bad));
    let out_of_range = clock()
        .env("RADIODECK_CLOCK__WARM_UP_MS", "60001")
        .arg("--check")
        .output()
        .expect("runs");
    assert!(
        stderr(&out_of_range).contains("`warm_up_ms`"),
        "{}",
        stderr(&out_of_range)
    );
    let good = clock().arg("--check").output().expect("runs");
    assert!(good.status.success(), "{}", stderr(&good));
}

#[test]
fn a_variable_that_is_not_utf8_matters_only_when_it_is_ours() {
    let odd = OsStr::from_bytes(b"\xff");
    let foreign = clock().env("SOME_OTHER", odd).arg("--check").output().expect("runs");
    assert!(foreign.status.success(), "{}", stderr(&foreign));
    let ours = clock()
        .env("RADIODECK_CLOCK__WARM_UP_MS", odd)
        .arg("--check")
        .output()
        .expect("runs");
    assert_eq!(ours.status.code(), Some(1), "{}", stderr(&ours));
    for part in ["RADIODECK_CLOCK__WARM_UP_MS", "`warm_up_ms`", "not valid UTF-8"] {
        assert!(stderr(&ours).contains(part), "{}", stderr(&ours));
    }
}

#[test]
fn a_log_filter_of_the_configuration_replaces_the_services_own() {
    let filter = "info,service::readiness=off";
    let mut service = Running::start(clock().env("RADIODECK_CLOCK__SERVICE__LOG_FILTER", filter));
    let admin = service.wait_for_listener("admin");
    until_it_answers(&admin, "/ready", "HTTP/1.1 200");
    service.signal("-TERM");
    service.wait_for(|event| event["message"] == "draining");
    assert!(!service.said.join("\n").contains("\"ready\""), "{:#?}", service.said);
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = holder.local_addr().expect("its address").to_string();
    let output = clock().env("RADIODECK_CLOCK__LISTEN", &taken).output().expect("runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(&format!("cannot listen on {taken} (listen)")),
        "{}",
        stderr(&output)
    );
}
