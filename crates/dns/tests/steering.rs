//! Steered names: answered by who lives, and by what the operator says.

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hickory_server::proto::rr::{RData, RecordType};
use support::{DEADLINE, Server, shape};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const ZONE: &str = "\
$TTL 300
@ SOA ns1 admin 7 3600 600 86400 60
@ NS ns1
ns1 A 127.0.0.1
@ A 127.0.0.1
@ A 127.0.0.2
www A 127.0.0.1
www A 127.0.0.2
www AAAA 2001:db8::1
* A 127.0.0.1
* A 127.0.0.2
alias CNAME www
_api._tcp SRV 0 0 80 www
";

/// A balancer as a probe sees it.
struct Machine {
    addr: SocketAddr,
    well: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Machine {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let addr = listener.local_addr().expect("bound");
        let well = Arc::new(AtomicBool::new(true));
        let answers = well.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let asked = request[..read].starts_with(b"GET /.lb/health HTTP/1.1\r\n");
                let status = match asked && answers.load(Ordering::Relaxed) {
                    true => "200 OK",
                    false => "503 Service Unavailable",
                };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _gone = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { addr, well, task }
    }

    fn is_well(&self, well: bool) {
        self.well.store(well, Ordering::Relaxed);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn steering(targets: &[(&str, SocketAddr)]) -> String {
    let mut text = String::from(
        "[steering]\nnames = [\"example\", \"www.example\", \"*.example\"]\nttl_s = 3\ninterval_ms = 50\ntimeout_ms = 1000\n",
    );
    for (address, probe) in targets {
        text.push_str(&format!(
            "[[steering.targets]]\naddress = \"{address}\"\nprobe = \"{probe}\"\n"
        ));
    }
    text
}

/// A port where nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    listener.local_addr().expect("bound")
}

/// The addresses in an answer, sorted.
async fn addresses(server: &Server, name: &str, rtype: RecordType) -> Vec<String> {
    let answer = server.ask(name, rtype).await;
    let address = |data: &RData| match data {
        RData::A(address) => Some(address.to_string()),
        RData::AAAA(address) => Some(address.to_string()),
        _ => None,
    };
    let records = answer.answers.iter().chain(&answer.additionals);
    let mut found: Vec<_> = records.filter_map(|record| address(&record.data)).collect();
    found.sort_unstable();
    found
}

async fn until(server: &Server, name: &str, expected: &[&str]) {
    let end = Instant::now() + DEADLINE;
    loop {
        let found = addresses(server, name, RecordType::A).await;
        if found == expected {
            return;
        }
        assert!(Instant::now() < end, "{name}: {found:?} instead of {expected:?}");
        sleep(std::time::Duration::from_millis(20)).await;
    }
}

const BOTH: [&str; 2] = ["127.0.0.1", "127.0.0.2"];

#[tokio::test]
async fn a_machine_that_dies_leaves_every_steered_name_and_comes_back() {
    let (first, second) = (Machine::start().await, Machine::start().await);
    let targets = [("127.0.0.1", first.addr), ("127.0.0.2", second.addr)];
    let server = Server::with(&[("example", ZONE)], &steering(&targets)).await;
    for name in ["example", "www.example", "anything.example", "alias.example"] {
        assert_eq!(addresses(&server, name, RecordType::A).await, BOTH, "{name}");
    }
    second.is_well(false);
    for name in ["example", "www.example", "anything.example", "alias.example"] {
        until(&server, name, &["127.0.0.1"]).await;
    }
    // Where an additional record points, too; and a name that is not steered stays.
    let beside_srv = addresses(&server, "_api._tcp.example", RecordType::SRV).await;
    assert_eq!(beside_srv, ["127.0.0.1", "2001:db8::1"]);
    assert_eq!(addresses(&server, "ns1.example", RecordType::A).await, ["127.0.0.1"]);
    second.is_well(true);
    until(&server, "www.example", &BOTH).await;
}

#[tokio::test]
async fn the_first_answer_knows_who_is_dead() {
    let first = Machine::start().await;
    let targets = [("127.0.0.1", first.addr), ("127.0.0.2", nobody().await)];
    let server = Server::with(&[("example", ZONE)], &steering(&targets)).await;
    assert_eq!(addresses(&server, "www.example", RecordType::A).await, ["127.0.0.1"]);
}

#[tokio::test]
async fn when_all_are_down_all_are_given_with_the_ttl_of_steered_names() {
    let targets = [("127.0.0.1", nobody().await), ("127.0.0.2", nobody().await)];
    let more = steering(&targets).replace("\"www.example\", ", "");
    let server = Server::with(&[("example", ZONE)], &more).await;
    assert_eq!(addresses(&server, "example", RecordType::A).await, BOTH);
    let answer = server.ask("example", RecordType::A).await;
    assert!(answer.answers.iter().all(|record| record.ttl == 3));
    // Of a name that is not steered the zone file's.
    let answer = server.ask("www.example", RecordType::A).await;
    assert!(answer.answers.iter().all(|record| record.ttl == 300));
}

#[tokio::test]
async fn a_family_without_a_living_address_is_no_data() {
    let first = Machine::start().await;
    let targets = [("127.0.0.1", first.addr), ("2001:db8::1", nobody().await)];
    let server = Server::with(&[("example", ZONE)], &steering(&targets)).await;
    let answer = server.ask("www.example", RecordType::AAAA).await;
    assert_eq!(shape(&answer), "NoError aa 0/1/0");
    assert_eq!(addresses(&server, "www.example", RecordType::A).await, BOTH);
}

#[tokio::test]
async fn a_reload_goes_on_steering() {
    let first = Machine::start().await;
    let targets = [("127.0.0.1", first.addr), ("127.0.0.2", nobody().await)];
    let server = Server::with(&[("example", ZONE)], &steering(&targets)).await;
    let file = server.folder.path().join("example.zone");
    std::fs::write(&file, ZONE.replace(" 7 ", " 8 ")).expect("written");
    server.store.reload().expect("reloaded");
    assert_eq!(addresses(&server, "www.example", RecordType::A).await, ["127.0.0.1"]);
    // A zone that has lost a steered name is refused, and the old one stays.
    std::fs::write(&file, ZONE.replace("www A", "web A").replace("www AAAA", "web AAAA")).expect("written");
    let error = server.store.reload().expect_err("nothing to steer").to_string();
    assert!(error.contains("www.example."), "{error}");
    assert_eq!(addresses(&server, "www.example", RecordType::A).await, ["127.0.0.1"]);
}
