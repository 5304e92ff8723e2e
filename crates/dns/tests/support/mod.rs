//! A name server within the test's process, on a port of its own, and clients that
//! speak to it in bytes.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dns::NameServer;
use dns::generation::Store;
use hickory_server::proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_server::proto::rr::{Name, RecordType};
use service::{Config as _, Context, RunError, Service, Shutdown};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Nothing in these tests takes this long unless it is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A zone with something of everything; `big` needs more than 1232 bytes.
pub(crate) fn zone() -> String {
    let mut text = String::from(
        "\
$TTL 300
@ SOA ns1 admin 7 3600 600 86400 60
@ NS ns1
ns1 A 192.0.2.1
www 5 A 127.0.0.1
www 5 AAAA 2001:db8::1
*.wild A 192.0.2.20
a.b TXT \"deep\"
alias CNAME www
lost CNAME nothing
sub NS ns.sub
ns.sub A 192.0.2.30
odd TYPE65280 \\# 3 aabbcc
",
    );
    for n in 0..100 {
        text.push_str(&format!("big A 198.51.100.{n}\n"));
    }
    // Fits 512 bytes without the addresses of its hosts, and not with them.
    for n in 0..8 {
        text.push_str(&format!("mail MX {n} mx-number-{n}\n"));
        text.push_str(&format!(
            "mx-number-{n} A 203.0.113.{n}\nmx-number-{n} AAAA 2001:db8::{n}\n"
        ));
    }
    text
}

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) store: Arc<Store>,
    pub(crate) folder: TempDir,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), RunError>>,
}

impl Server {
    /// Serves `zone()` as `example.`.
    pub(crate) async fn start() -> Self {
        Self::with(&[("example", &zone())], "").await
    }

    /// Serves zones by origin and text; `more` is configuration.
    pub(crate) async fn with(zones: &[(&str, &str)], more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut entries = Vec::new();
        for (origin, text) in zones {
            std::fs::write(folder.path().join(format!("{origin}.zone")), text).expect("a zone file");
            entries.push(format!("{{ origin = \"{origin}\" }}"));
        }
        let config = format!(
            "listen = [\"127.0.0.1:0\"]\nzone_dir = {:?}\nzones = [{}]\n{more}\n",
            folder.path(),
            entries.join(", ")
        );
        let path = folder.path().join("dns.toml");
        std::fs::write(&path, &config).expect("a configuration");
        let config: dns::Config = service::load(Some(&path), "UNUSED", []).expect(&config);
        config.check().expect("a good configuration");
        let mut context = Context::new("radiodeck-dns");
        let server = NameServer::build(config, &mut context).await.expect("a server");
        let addr = server.addresses()[0];
        let store = server.store();
        let shutdown = Shutdown::new(Duration::from_secs(5));
        let task = tokio::spawn(server.run(shutdown.clone()));
        Self {
            addr,
            store,
            folder,
            shutdown,
            task,
        }
    }

    /// Begins the drain.
    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.begin();
    }

    /// Waits until the drain is done.
    pub(crate) async fn stopped(self) {
        let ended = timeout(DEADLINE, self.task).await.expect("stops in time");
        ended.expect("no panic").expect("no error");
    }

    /// Asks by UDP.
    pub(crate) async fn ask(&self, name: &str, rtype: RecordType) -> Message {
        self.send(&query(name, rtype)).await
    }

    /// Sends a message by UDP and reads the answer.
    pub(crate) async fn send(&self, message: &Message) -> Message {
        let bytes = message.to_vec().expect("encoded");
        let answer = self.exchange(&bytes).await.expect("an answer");
        Message::from_vec(&answer).expect("a message")
    }

    /// Sends bytes by UDP; `None` when nothing comes back.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.exchange_from(Ipv4Addr::LOCALHOST, bytes).await
    }

    /// Sends bytes by UDP from an address of this host.
    pub(crate) async fn exchange_from(&self, from: Ipv4Addr, bytes: &[u8]) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind((IpAddr::from(from), 0)).await.expect("a socket");
        socket.connect(self.addr).await.expect("connected");
        socket.send(bytes).await.expect("sent");
        // One worker answers all of this socket, in order, and the second message for
        // certain: when its answer comes first, there is none to the first.
        let marker = query_with_id("marker.example", RecordType::A, 0xfffe);
        socket.send(&marker.to_vec().expect("encoded")).await.expect("sent");
        let mut buffer = vec![0; 65_535];
        let length = timeout(DEADLINE, socket.recv(&mut buffer))
            .await
            .expect("an answer")
            .expect("received");
        buffer.truncate(length);
        (buffer[..2] != [0xff, 0xfe]).then_some(buffer)
    }

    pub(crate) async fn tcp(&self) -> Tcp {
        Tcp(TcpStream::connect(self.addr).await.expect("connected"))
    }
}

/// A TCP connection.
pub(crate) struct Tcp(pub(crate) TcpStream);

impl Tcp {
    pub(crate) async fn send(&mut self, message: &[u8]) {
        let mut framed = (message.len() as u16).to_be_bytes().to_vec();
        framed.extend_from_slice(message);
        self.0.write_all(&framed).await.expect("sent");
    }

    /// The next message; `None` when the server closes.
    pub(crate) async fn receive(&mut self) -> Option<Vec<u8>> {
        let read = async {
            let length = self.0.read_u16().await.ok()?;
            let mut message = vec![0; usize::from(length)];
            self.0.read_exact(&mut message).await.ok()?;
            Some(message)
        };
        timeout(DEADLINE, read).await.expect("an answer or an end")
    }

    pub(crate) async fn ask(&mut self, name: &str, rtype: RecordType) -> Message {
        self.send(&query(name, rtype).to_vec().expect("encoded")).await;
        Message::from_vec(&self.receive().await.expect("an answer")).expect("a message")
    }
}

/// A query with EDNS of 4096 bytes.
pub(crate) fn query(name: &str, rtype: RecordType) -> Message {
    let mut message = query_with_id(name, rtype, 0x1234);
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    message.edns = Some(edns);
    message
}

/// A query without EDNS.
pub(crate) fn query_with_id(name: &str, rtype: RecordType, id: u16) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(
        Name::from_ascii(format!("{name}.")).expect("a name"),
        rtype,
    ));
    message
}

/// Code, AA, TC and the number of records by section, OPT not counted.
pub(crate) fn shape(message: &Message) -> String {
    let flag = |set: bool, name: &'static str| if set { name } else { "" };
    format!(
        "{:?}{}{}{} {}/{}/{}",
        message.metadata.response_code,
        flag(message.metadata.authoritative, " aa"),
        flag(message.metadata.truncation, " tc"),
        flag(message.metadata.recursion_available, " ra"),
        message.answers.len(),
        message.authorities.len(),
        message.additionals.len(),
    )
}

pub(crate) fn code(bytes: &[u8]) -> ResponseCode {
    ResponseCode::from_low(bytes[3] & 0x0f)
}
