//! What a client sees when a server fails, fault by fault: the source of the
//! table in the documentation. One healthy server stands beside one with the
//! fault; every POST has a name of its own and may arrive once at most.

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{App, Balancer, Client, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is wrong with the server.
#[derive(Debug, Clone)]
enum Fault {
    /// Takes the request and does this.
    Does(Reply),
    /// Answers every tenth request with 500.
    OneInTen,
    /// Closes every connection at once, before it has read anything.
    ClosesAtOnce,
    /// Accepts connections and never reads.
    NeverReads,
    /// Nobody listens.
    Refuses,
}

/// How an exchange ended for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Saw {
    /// The answer of a healthy server.
    Good,
    /// The balancer's or the server's error.
    Status(u16),
    /// An answer that was cut: never taken for a whole one.
    Cut,
}

/// The row of a fault: what clients may see, apart from good answers.
struct Row {
    name: &'static str,
    fault: Fault,
    get: Option<Saw>,
    post: Option<Saw>,
    /// A counter that must have moved.
    counted: Option<&'static str>,
}

const HALF_A_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Le";
const SHORT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
const CHUNKS: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
const TO_THE_END: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf";

fn rows() -> Vec<Row> {
    let row = |name, fault, get, post, counted| Row {
        name,
        fault,
        get,
        post,
        counted,
    };
    let does = |reply| Fault::Does(reply);
    let failures = Some("lb_failures_total");
    let (bad_gateway, late) = (Some(Saw::Status(502)), Some(Saw::Status(504)));
    vec![
        row("takes the request and hangs", does(Reply::Hang), late, late, failures),
        row(
            "closes instead of answering",
            does(Reply::RawClose(vec![])),
            None,
            bad_gateway,
            failures,
        ),
        row(
            "resets instead of answering",
            does(Reply::RawReset(vec![])),
            None,
            bad_gateway,
            failures,
        ),
        row(
            "closes after half a head",
            does(Reply::RawClose(HALF_A_HEAD.into())),
            None,
            bad_gateway,
            failures,
        ),
        row(
            "resets after half a head",
            does(Reply::RawReset(HALF_A_HEAD.into())),
            None,
            bad_gateway,
            failures,
        ),
        row(
            "answers what is not HTTP",
            does(Reply::Raw(b"garbage\r\n\r\n".into())),
            None,
            bad_gateway,
            failures,
        ),
        row(
            "closes in a body with a length",
            does(Reply::RawClose(SHORT.into())),
            Some(Saw::Cut),
            Some(Saw::Cut),
            None,
        ),
        row(
            "resets in a body with a length",
            does(Reply::RawReset(SHORT.into())),
            Some(Saw::Cut),
            Some(Saw::Cut),
            None,
        ),
        row(
            "closes in a chunked body",
            does(Reply::RawClose(CHUNKS.into())),
            Some(Saw::Cut),
            Some(Saw::Cut),
            None,
        ),
        row(
            "resets in a chunked body",
            does(Reply::RawReset(CHUNKS.into())),
            Some(Saw::Cut),
            Some(Saw::Cut),
            None,
        ),
        row(
            "resets in a body without a length",
            does(Reply::RawReset(TO_THE_END.into())),
            Some(Saw::Cut),
            Some(Saw::Cut),
            None,
        ),
        row(
            "answers one in ten with 500",
            Fault::OneInTen,
            Some(Saw::Status(500)),
            Some(Saw::Status(500)),
            None,
        ),
        row(
            "closes every connection at once",
            Fault::ClosesAtOnce,
            None,
            bad_gateway,
            failures,
        ),
        row("accepts and never reads", Fault::NeverReads, late, late, failures),
        row("refuses connections", Fault::Refuses, None, None, failures),
    ]
}

/// The server with the fault: its address, and whatever must live on for it.
struct Faulty {
    address: SocketAddr,
    app: Option<App>,
    accepting: Option<tokio::task::JoinHandle<()>>,
}

impl Faulty {
    async fn start(fault: &Fault) -> Self {
        let app = match fault.clone() {
            Fault::Does(reply) => App::doing(move |_| reply.clone()).await,
            Fault::OneInTen => {
                let asked = AtomicUsize::new(0);
                let error = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
                App::doing(move |_| match asked.fetch_add(1, Ordering::Relaxed) % 10 {
                    9 => Reply::Raw(error.into()),
                    _ => Reply::Ok("good"),
                })
                .await
            }
            Fault::Refuses => App::saying("never").await,
            Fault::ClosesAtOnce => return Self::accepting(drop).await,
            Fault::NeverReads => {
                let held = Arc::new(std::sync::Mutex::new(Vec::new()));
                return Self::accepting(move |stream| held.lock().expect("lock").push(stream)).await;
            }
        };
        Self {
            address: app.address,
            app: Some(app),
            accepting: None,
        }
    }

    async fn accepting(then: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let accepting = tokio::spawn(async move {
            let mut first = true;
            while let Ok((mut stream, _)) = listener.accept().await {
                if std::mem::take(&mut first) {
                    // The first check, which decides alone.
                    let mut buffer = [0; 1024];
                    let _check = stream.read(&mut buffer).await;
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                    stream.write_all(answer).await.expect("sent");
                } else {
                    then(stream);
                }
            }
        });
        Self {
            address,
            app: None,
            accepting: Some(accepting),
        }
    }

    /// From here on it has its fault: its first check has passed.
    async fn begin(&self, fault: &Fault) {
        if let (Fault::Refuses, Some(app)) = (fault, &self.app) {
            app.kill().await;
        }
    }

    /// Lines of the requests that it has read.
    fn lines(&self) -> Vec<String> {
        let seen = self.app.as_ref().map(App::seen).unwrap_or_default();
        seen.iter().map(|seen| seen.line().to_owned()).collect()
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        if let Some(task) = self.accepting.take() {
            task.abort();
        }
    }
}

/// A balancer that takes nobody out, by checks or by ejection: every second
/// request meets the fault.
async fn in_front_of(good: &App, faulty: &Faulty) -> Balancer {
    let balancer = Balancer::start(&format!(
        "[retry]\nbudget_percent = 100\n[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\n\
         servers = [\"{}\", \"{}\"]\ncheck.interval_ms = 3600000\ncheck.fall = 100\n\
         ejection.failures = 0\nupstream.first_byte_ms = 200",
        good.address, faulty.address
    ))
    .await;
    balancer.wait_for_healthy(2).await;
    balancer
}

async fn see(address: SocketAddr, request: String) -> Saw {
    let method = request.split(' ').next().expect("a method").to_owned();
    let mut client = Client::connect(address).await;
    client.send(request).await;
    match client.try_read(&method).await {
        None => Saw::Cut,
        Some(answer) if answer.status == 200 => {
            assert_eq!(answer.text(), "good", "half an answer was taken for a whole one");
            Saw::Good
        }
        Some(answer) => Saw::Status(answer.status),
    }
}

const REQUESTS: usize = 40;

/// Sends requests with this method, one after the other, each with a name of its
/// own. Answers how they ended and which the faulty server has read.
async fn meet(row: &Row, good: &App, method: &str) -> (BTreeMap<Saw, usize>, Vec<String>) {
    let faulty = Faulty::start(&row.fault).await;
    let balancer = in_front_of(good, &faulty).await;
    faulty.begin(&row.fault).await;
    let (length, body) = match method {
        "POST" => ("Content-Length: 2\r\n", "hi"),
        _ => ("", ""),
    };
    let mut saw = BTreeMap::new();
    for index in 0..REQUESTS {
        let request = format!("{method} /{index} HTTP/1.1\r\nHost: a\r\n{length}Connection: close\r\n\r\n{body}");
        *saw.entry(see(balancer.address, request).await).or_default() += 1;
    }
    if let Some(counter) = row.counted {
        let name = row.name;
        assert!(balancer.metric(counter) > 0, "{name}: {method}: {counter} is 0");
    }
    (saw, faulty.lines())
}

async fn judge(row: Row) {
    let name = row.name;
    let good = App::saying("good").await;
    for (method, expected) in [("GET", row.get), ("POST", row.post)] {
        let before = good.count();
        let (saw, mut lines) = meet(&row, &good, method).await;
        let mut others: Vec<Saw> = saw.keys().copied().filter(|saw| *saw != Saw::Good).collect();
        // Whether a POST was on its way when the connection was closed is chance.
        let by_chance = matches!(row.fault, Fault::ClosesAtOnce) && method == "POST";
        if by_chance && others.is_empty() {
            others.extend(expected);
        }
        assert_eq!(
            others,
            expected.into_iter().collect::<Vec<_>>(),
            "{name}: {method}: {saw:?}"
        );

        let at_good = good.seen().into_iter().skip(before);
        lines.extend(at_good.map(|seen| seen.line().to_owned()));
        let arrived = lines.len();
        if method == "POST" {
            lines.sort();
            lines.dedup();
            assert_eq!(lines.len(), arrived, "{name}: a POST arrived twice");
            // Where the fault is before a request is read, only the good server
            // has any: one for each good answer, and none for an error.
            let unread = matches!(row.fault, Fault::ClosesAtOnce | Fault::NeverReads | Fault::Refuses);
            let expected = if unread {
                saw.get(&Saw::Good).copied().unwrap_or(0)
            } else {
                REQUESTS
            };
            assert_eq!(arrived, expected, "{name}: {saw:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_seen_as_the_table_says_and_no_post_arrives_twice() {
    let rows: Vec<_> = rows()
        .into_iter()
        .map(|row| (row.name, tokio::spawn(judge(row))))
        .collect();
    for (name, row) in rows {
        if let Err(error) = row.await {
            panic!("{name}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_cut_for_clients_of_http_1_0_as_well() {
    // To them every body without a length ends with the connection: only a reset
    // tells the half from the whole.
    for (name, half) in [("a length", SHORT), ("chunks", CHUNKS), ("no length", TO_THE_END)] {
        let app = App::doing(move |_| Reply::RawReset(half.into())).await;
        let balancer = Balancer::in_front_of(&[&app], "", "").await;
        for request in [
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert_eq!(
                see(balancer.address, request.into()).await,
                Saw::Cut,
                "{name}: {request:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clean_end_of_an_answer_without_length_is_one_for_every_client() {
    let whole = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ngood";
    let app = App::doing(|_| Reply::RawClose(whole.into())).await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    for version in ["1.0", "1.1"] {
        let request = format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(see(balancer.address, request).await, Saw::Good, "{version}");
    }
}
