//! The binary: signals, the check, and errors that say what to mend.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use hickory_server::proto::op::Message;
use hickory_server::proto::rr::RecordType;
use support::{DEADLINE, query, shape, zone};
use tempfile::TempDir;

fn command(folder: &Path, zones: &str, more: &str) -> Command {
    let config = folder.join("dns.toml");
    let text = format!("listen = [\"127.0.0.1:0\"]\nzone_dir = {folder:?}\nzones = {zones}\n{more}\n");
    std::fs::write(&config, text).expect("a configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_radiodeck-dns"));
    command.arg("--config").arg(config).args(["--log-format", "json"]);
    command
}

fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("example.zone"), text).expect("a zone file");
    folder
}

struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("started");
        let stderr = BufReader::new(child.stderr.take().expect("its log"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// The next line of the log that holds all of `parts`.
    fn line(&mut self, parts: &[&str]) -> serde_json::Value {
        let until = Instant::now() + DEADLINE;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let found = parts.iter().all(|part| line.contains(part));
            self.seen.push(line);
            if found {
                return serde_json::from_str(&self.seen[self.seen.len() - 1]).expect("JSON");
            }
        }
        panic!("no line with {parts:?} in:\n{}", self.seen.join("\n"));
    }

    fn addr(&mut self, what: &str) -> String {
        let line = self.line(&["\"listening\"", &format!("\"{what}\"")]);
        line["addr"].as_str().expect("an address").to_owned()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn ask(addr: &str, name: &str) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let query = query(name, RecordType::A).to_vec().expect("encoded");
    socket.send_to(&query, addr).expect("sent");
    let mut buffer = [0; 2048];
    let length = socket.recv(&mut buffer).expect("an answer");
    shape(&Message::from_vec(&buffer[..length]).expect("a message"))
}

#[test]
fn sighup_reloads_the_zones_and_a_bad_file_keeps_the_old() {
    let folder = folder(&zone());
    let mut running = Running::start(command(folder.path(), "[{ origin = \"example\" }]", ""));
    let addr = running.addr("dns-udp");
    assert_eq!(ask(&addr, "new.example"), "NXDomain aa 0/1/0");

    let file = folder.path().join("example.zone");
    std::fs::write(&file, format!("{}new A 192.0.2.77\n", zone())).expect("written");
    running.signal("HUP");
    running.line(&["zone reloaded", "\"generation\":2"]);
    assert_eq!(ask(&addr, "new.example"), "NoError aa 1/0/0");

    std::fs::write(&file, format!("{}new A 192.0.2\n", zone())).expect("written");
    running.signal("HUP");
    let line = running.line(&["ERROR", "the old ones stay"]);
    let error = line["error"].as_str().expect("a reason");
    assert!(
        error.contains("example.zone:") && error.contains("is no IPv4 address"),
        "{error}"
    );
    assert_eq!(ask(&addr, "new.example"), "NoError aa 1/0/0");
}

#[test]
fn sigterm_ends_it_with_success_even_while_a_client_holds_a_connection() {
    let folder = folder(&zone());
    let mut running = Running::start(command(folder.path(), "[{ origin = \"example\" }]", ""));
    let addr = running.addr("dns-tcp");
    running.line(&["\"ready\""]);
    let idle = std::net::TcpStream::connect(addr).expect("connected");
    running.signal("TERM");
    running.line(&["\"stopped\""]);
    assert!(running.child.wait().expect("ended").success());
    let mut rest = Vec::new();
    (&idle).read_to_end(&mut rest).expect("closed");
    assert!(rest.is_empty());
}

#[test]
fn odd_messages_leave_no_line_in_the_log() {
    let folder = folder(&zone());
    let mut server = Running::start(command(folder.path(), "[{ origin = \"example\" }]", ""));
    let addr = server.addr("dns-udp");
    let plain = query("www.example", RecordType::A).to_vec().expect("encoded");
    // An option that is cut, of which hickory warns if it gets to see it.
    let mut cut = plain.clone();
    let end = cut.len();
    cut[end - 1] = 2;
    cut.extend([0, 10]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    for message in [&cut, &plain] {
        socket.send_to(message, &addr).expect("sent");
        socket.recv(&mut [0; 1500]).expect("an answer");
    }
    server.signal("TERM");
    server.line(&["\"stopped\""]);
    assert!(!server.seen.join("\n").contains("WARN"), "{}", server.seen.join("\n"));
}

#[test]
fn metrics_and_status_tell_what_it_does() {
    let folder = folder(&zone());
    let mut running = Running::start(command(folder.path(), "[{ origin = \"example\" }]", ""));
    let admin = running.addr("admin");
    let addr = running.addr("dns-udp");
    ask(&addr, "www.example");
    ask(&addr, "nothing.example");
    let metrics = get(&admin, "/metrics");
    for line in [
        "radiodeck_dns_queries_total{transport=\"udp\",qtype=\"A\",rcode=\"NOERROR\"} 1",
        "radiodeck_dns_queries_total{transport=\"udp\",qtype=\"A\",rcode=\"NXDOMAIN\"} 1",
        "radiodeck_dns_latency_seconds_count{transport=\"udp\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
    let status = get(&admin, "/status");
    let status: serde_json::Value = serde_json::from_str(&status).expect(&status);
    assert_eq!(status["zones"][0]["origin"], "example.");
    assert_eq!(status["zones"][0]["serial"], 7);
    assert_eq!(status["generation"]["number"], 1);
    assert_eq!(status["listeners"][0]["addr"], addr);
}

#[test]
fn the_operators_word_on_an_address_outranks_its_probe() {
    let folder = folder(&zone());
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let probe = dead.local_addr().expect("bound");
    drop(dead);
    let steering = format!(
        "[steering]\nnames = [\"ns1.example\"]\n[[steering.targets]]\naddress = \"192.0.2.1\"\nprobe = \"{probe}\"\n"
    );
    let mut running = Running::start(command(folder.path(), "[{ origin = \"example\" }]", &steering));
    let admin = running.addr("admin");
    let addr = running.addr("dns-udp");
    running.line(&["address is down"]);
    let told = |word: &str| -> serde_json::Value {
        let status: serde_json::Value = serde_json::from_str(&get(&admin, "/status")).expect("JSON");
        assert_eq!(status["steering"][0]["operator"], word, "{status}");
        status["steering"][0]["probed"].clone()
    };
    assert_eq!(told("auto"), "down");
    // Down outranks that somebody must be given when all are down.
    assert_eq!(ask(&addr, "ns1.example"), "NoError aa 1/0/0");
    assert!(post(&admin, "/steering/192.0.2.1/down").starts_with("HTTP/1.1 200"));
    assert_eq!(ask(&addr, "ns1.example"), "NoError aa 0/1/0");
    assert_eq!(told("down"), "down");
    assert!(post(&admin, "/steering/192.0.2.1/up").starts_with("HTTP/1.1 200"));
    assert_eq!(ask(&addr, "ns1.example"), "NoError aa 1/0/0");
    assert!(get(&admin, "/metrics").contains("radiodeck_dns_steering_address_alive{address=\"192.0.2.1\"} 1"));
    for path in [
        "/steering/127.0.0.9/up",
        "/steering/192.0.2.1/sideways",
        "/steering/nobody/up",
    ] {
        assert!(post(&admin, path).starts_with("HTTP/1.1 404"), "{path}");
    }
}

fn get(addr: &str, path: &str) -> String {
    let answer = http("GET", addr, path);
    answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
}

fn post(addr: &str, path: &str) -> String {
    http("POST", addr, path)
}

fn http(method: &str, addr: &str, path: &str) -> String {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(addr).expect("connected");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn refused(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("ran");
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(1), "{text}");
    text
}

#[test]
fn the_check_names_the_key_the_file_and_the_line() {
    let example = "[{ origin = \"example\" }]";
    let bad_zone = format!("{}www CNAME ns1\n", zone());
    let line = bad_zone.lines().count();
    let view = "[[views]]\nname = \"v\"\nclients = [\"10.0.0.0/8\"]\n[[views.addresses]]\npublished = \"1.2.3.4\"\n";
    let table = [
        (zone(), "[]", String::new(), "key `zones`: names no zone".to_owned()),
        (
            bad_zone,
            example,
            String::new(),
            format!("zones[0].file`: {{folder}}/example.zone:{line}: CNAME at www.example."),
        ),
        (
            String::new(),
            example,
            String::new(),
            "example.zone: the zone example. has no SOA record".into(),
        ),
        (
            zone(),
            "[{ origin = \"gone\" }]",
            String::new(),
            "gone.zone: No such file".into(),
        ),
        (
            zone(),
            "[{ origin = \"a..b\" }]",
            String::new(),
            "zones[0].origin`: a label is empty".into(),
        ),
        (
            zone(),
            "[{ origin = \"example\" }, { origin = \"EXAMPLE.\" }]",
            String::new(),
            "zones[1].origin`: example. is there twice".into(),
        ),
        (
            zone(),
            example,
            "[udp]\nmax_answer_bytes = 100".into(),
            "udp.max_answer_bytes`: 100 is not from 512 to 4096".into(),
        ),
        (zone(), example, "[udp]\nworker = 1".into(), "udp.worker".into()),
        (
            zone(),
            example,
            "[tcp]\nidle_ms = 0".into(),
            "tcp.idle_ms`: 0 is not from 1".into(),
        ),
        (
            zone(),
            example,
            format!("{view}private = [\"::1\"]"),
            "views[0].addresses[0].private`: ::1 is of another family".into(),
        ),
        (
            zone(),
            example,
            format!("{view}private = []"),
            "views[0].addresses[0].private`: names no address".into(),
        ),
        (
            zone(),
            example,
            format!("{}private = [\"1.2.3.5\"]", view.replace("10.0.0.0/8", "10.0.0.0/64")),
            "views[0].clients[0]".into(),
        ),
    ];
    for (text, zones, more, expected) in table {
        let folder = folder(&text);
        let expected = expected.replace("{folder}", &folder.path().display().to_string());
        let error = refused(command(folder.path(), zones, &more).arg("--check"));
        assert!(error.contains(&expected), "{expected}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
    let folder = folder(&zone());
    assert!(
        command(folder.path(), example, "")
            .arg("--check")
            .status()
            .expect("ran")
            .success()
    );
}

#[test]
fn a_port_in_use_is_one_clear_error() {
    let folder = folder(&zone());
    let example = "[{ origin = \"example\" }]";
    let mut running = Running::start(command(folder.path(), example, ""));
    let addr = running.addr("dns-udp");
    let mut second = command(folder.path(), example, "");
    second.env("RADIODECK_DNS__LISTEN", format!("[\"{addr}\"]"));
    let error = refused(&mut second);
    assert!(error.contains(&format!("cannot listen on {addr} (listen)")), "{error}");
}

#[test]
fn it_runs_alone_from_the_environment() {
    let folder = folder(&zone());
    let mut command = Command::new(env!("CARGO_BIN_EXE_radiodeck-dns"));
    command
        .args(["--log-format", "json"])
        .env("RADIODECK_DNS__LISTEN", "[\"127.0.0.1:0\"]")
        .env("RADIODECK_DNS__ZONE_DIR", folder.path())
        .env("RADIODECK_DNS__ZONES", "[{ origin = \"example\" }]")
        .env(
            "RADIODECK_DNS__VIEWS",
            "[{ name = \"in\", clients = [\"127.0.0.0/8\"], addresses = [{ published = \"127.0.0.1\", private = [\"10.1.1.1\"] }] }]",
        );
    let mut running = Running::start(command);
    let addr = running.addr("dns-udp");
    assert_eq!(ask(&addr, "www.example"), "NoError aa 1/0/0");
}

#[test]
fn the_zone_files_of_the_repository_are_good() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_radiodeck-dns"));
    command
        .args(["--config", "config/dns.toml", "--check"])
        .current_dir(root);
    let Output { status, stderr, .. } = command.output().expect("ran");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
}
