//! A server behind the balancer that does what a test tells it to, over plain
//! TCP, so that it can also do what no HTTP library would.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let ours = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        ours.map(|(_, value)| value.trim()).collect()
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A proper answer; the connection is kept.
    Ok(&'static str),
    /// These bytes; the connection is kept.
    Raw(Vec<u8>),
    /// These bytes, then the connection is closed.
    RawClose(Vec<u8>),
    /// These bytes, then a reset.
    RawReset(Vec<u8>),
    /// Nothing, and the connection stays open.
    Hang,
    /// A proper answer after a while.
    Slow(Duration, &'static str),
    /// A proper answer once this is true.
    When(watch::Receiver<bool>, &'static str),
}

/// Requests that a server works on at this moment, and the most there ever were.
#[derive(Debug, Default)]
struct AtOnce {
    now: AtomicUsize,
    most: AtomicUsize,
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A running server.
pub struct App {
    pub address: SocketAddr,
    pub healthy: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Script,
    at_once: Arc<AtOnce>,
    accepting: Mutex<Option<JoinHandle<()>>>,
    serving: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl App {
    /// A server that answers everything with `text`.
    pub async fn saying(text: &'static str) -> Self {
        Self::doing(move |_| Reply::Ok(text)).await
    }

    /// A server that does what `script` says. Health checks are answered apart.
    pub async fn doing(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let app = Self {
            address: listener.local_addr().expect("an address"),
            healthy: Arc::new(AtomicBool::new(true)),
            seen: Arc::default(),
            script: Arc::new(script),
            at_once: Arc::default(),
            accepting: Mutex::default(),
            serving: Arc::default(),
        };
        app.accept_on(listener);
        app
    }

    fn accept_on(&self, listener: TcpListener) {
        let (healthy, seen, script, serving, at_once) = (
            self.healthy.clone(),
            self.seen.clone(),
            self.script.clone(),
            self.serving.clone(),
            self.at_once.clone(),
        );
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = serve(stream, healthy.clone(), seen.clone(), script.clone(), at_once.clone());
                serving.lock().expect("lock").push(tokio::spawn(connection));
            }
        });
        *self.accepting.lock().expect("lock") = Some(task);
    }

    /// Requests so far, health checks left out.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("lock").clone()
    }

    pub fn count(&self) -> usize {
        self.seen.lock().expect("lock").len()
    }

    /// The most requests that were ever worked on at once.
    pub fn most_at_once(&self) -> usize {
        self.at_once.most.load(Ordering::Relaxed)
    }

    /// Connections to it that are open.
    pub fn open_connections(&self) -> usize {
        let serving = self.serving.lock().expect("lock");
        serving.iter().filter(|task| !task.is_finished()).count()
    }

    /// The one request so far.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:#?}");
        seen[0].clone()
    }

    /// Ends at once, as a killed process does: the port is closed and open
    /// connections with it.
    pub async fn kill(&self) {
        let accepting = self.accepting.lock().expect("lock").take();
        if let Some(task) = accepting {
            task.abort();
            let _ended = task.await;
        }
        for task in self.serving.lock().expect("lock").drain(..) {
            task.abort();
        }
    }

    /// Comes back on the same port.
    pub async fn restart(&self) {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(self.address).expect("the same port");
        self.accept_on(socket.listen(1024).expect("listening"));
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if let Some(task) = self.accepting.lock().expect("lock").take() {
            task.abort();
        }
        for task in self.serving.lock().expect("lock").drain(..) {
            task.abort();
        }
    }
}

/// A port on which nobody ever answers: its queue is full.
pub struct Frozen {
    _socket: socket2::Socket,
    _queued: Vec<std::net::TcpStream>,
}

impl Frozen {
    /// Takes the port; connecting to it hangs from then on.
    pub async fn bind(address: SocketAddr) -> Self {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("an option");
        socket.bind(&address.into()).expect("bound");
        socket.listen(1).expect("listening");
        let address = socket.local_addr().expect("an address").as_socket().expect("IP");
        let connect = move || {
            let wait = Duration::from_millis(100);
            std::iter::from_fn(|| std::net::TcpStream::connect_timeout(&address, wait).ok())
                .take(64)
                .collect()
        };
        let queued = tokio::task::spawn_blocking(connect).await.expect("connected");
        Self {
            _socket: socket,
            _queued: queued,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self._socket.local_addr().expect("an address").as_socket().expect("IP")
    }
}

async fn serve(
    mut stream: TcpStream,
    healthy: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Script,
    at_once: Arc<AtOnce>,
) {
    stream.set_nodelay(true).expect("an option");
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        if request.line().starts_with("GET /healthz ") {
            let status = if healthy.load(Ordering::Relaxed) {
                "200 OK"
            } else {
                "503 Draining"
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _sent = stream.write_all(answer.as_bytes()).await;
            return;
        }
        let now = at_once.now.fetch_add(1, Ordering::Relaxed) + 1;
        at_once.most.fetch_max(now, Ordering::Relaxed);
        let reply = script(&request);
        seen.lock().expect("lock").push(request.clone());
        let proper = |text: &str| {
            let body = if request.line().starts_with("HEAD ") { "" } else { text };
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", text.len()).into_bytes()
        };
        let (bytes, then) = match reply {
            Reply::Ok(text) => (proper(text), Then::Keep),
            Reply::Raw(bytes) => (bytes, Then::Keep),
            Reply::RawClose(bytes) => (bytes, Then::Close),
            Reply::RawReset(bytes) => (bytes, Then::Reset),
            Reply::Hang => std::future::pending().await,
            Reply::Slow(pause, text) => {
                tokio::time::sleep(pause).await;
                (proper(text), Then::Keep)
            }
            Reply::When(mut gate, text) => {
                let _opened = gate.wait_for(|open| *open).await;
                (proper(text), Then::Keep)
            }
        };
        at_once.now.fetch_sub(1, Ordering::Relaxed);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
        match then {
            Then::Keep => {}
            Then::Close => return,
            Then::Reset => {
                // What was sent shall arrive before the reset does.
                tokio::time::sleep(Duration::from_millis(50)).await;
                SockRef::from(&stream)
                    .set_linger(Some(Duration::ZERO))
                    .expect("an option");
                return;
            }
        }
    }
}

enum Then {
    Keep,
    Close,
    Reset,
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end);
    let mut seen = Seen { head, body: Vec::new() };
    if let Some(length) = seen.header("content-length").first() {
        let length: usize = length.parse().expect("a length");
        while buffer.len() < length {
            if stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        }
        seen.body = buffer.drain(..length).collect();
    } else if !seen.header("transfer-encoding").is_empty() {
        let end = loop {
            // Tests send neither trailers nor this sequence within a body.
            if let Some(end) = find(buffer, b"0\r\n\r\n") {
                break end + 5;
            }
            if stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        };
        seen.body = buffer.drain(..end).collect();
    }
    Some(seen)
}

pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
