//! A new binary or a restart without a lost connection: the process that serves
//! gives its listening sockets to a successor.

mod support;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use support::process::{Process, configuration};
use support::tls::{NAME, Trust, VERSIONS};
use support::{App, Bare, Client, PATIENCE, Reply, eventually, get};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const ASK: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ASK_ONCE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
/// HTTPS beside HTTP, on any port.
const TLS: &str = "[tls]\nlisten = \"127.0.0.1:0\"\nlocal_ca = \"DIRECTORY\"";

/// Clients that ask without a pause worth the name, until they are told to stop.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    failures: std::sync::Mutex<Vec<String>>,
}

struct Asking {
    answered: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Load {
    /// One client. It asks `asks` times on a connection, or until it is told not to;
    /// nothing is ever tried again.
    fn ask<S, C>(self: &Arc<Self>, asks: usize, connect: impl Fn() -> C + Send + Sync + 'static) -> Asking
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
        C: Future<Output = io::Result<Client<S>>> + Send,
    {
        let answered = Arc::new(AtomicUsize::new(0));
        let (load, count) = (self.clone(), answered.clone());
        let task = tokio::spawn(async move {
            while !load.stop.load(Ordering::Relaxed) {
                let mut client = match connect().await {
                    Ok(client) => client,
                    Err(error) => {
                        load.fail(format!("not connected: {error}"));
                        // One failure is enough, and a test that ends must be able to end this.
                        return;
                    }
                };
                for asked in 1..=asks {
                    let request = if asked == asks { ASK_ONCE } else { ASK };
                    let sent = client.stream.write_all(request.as_bytes()).await;
                    let answer = client.try_read("GET").await;
                    match answer {
                        Some(answer) if answer.status == 200 && answer.text() == "hi" => {
                            count.fetch_add(1, Ordering::Relaxed);
                            let leave = answer.header("connection") == Some("close");
                            if leave || load.stop.load(Ordering::Relaxed) {
                                break;
                            }
                        }
                        other => {
                            load.fail(format!("the {asked}th on its connection: {sent:?}, {other:?}"));
                            break;
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        });
        Asking { answered, task }
    }

    fn fail(&self, failure: String) {
        self.failures.lock().expect("lock").push(failure);
    }
}

async fn plain(address: SocketAddr) -> io::Result<Client> {
    Ok(Client::on(TcpStream::connect(address).await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn three_handovers_in_a_row_under_load_lose_no_request() {
    let app = App::saying("hi").await;
    let mut process = Process::in_front_of(&app, &format!("drain_notice_ms = 2000\n{TLS}")).await;
    let (http, https) = (process.address("http"), process.address("https"));
    let trust = Trust::in_local_ca(process.directory.path(), &VERSIONS);
    let load = Arc::new(Load::default());
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(load.ask(1, move || plain(http)));
        clients.push(load.ask(usize::MAX, move || plain(http)));
    }
    for asks in [1, usize::MAX] {
        let trust = trust.clone();
        clients.push(load.ask(asks, move || {
            let trust = trust.clone();
            async move { trust.try_connect(https, NAME).await }
        }));
    }
    let all_go_on = async || {
        let before: Vec<_> = clients
            .iter()
            .map(|client| client.answered.load(Ordering::Relaxed))
            .collect();
        eventually("every client is answered ten times more", async || {
            let now = clients.iter().map(|client| client.answered.load(Ordering::Relaxed));
            let slow: Vec<_> = now.zip(&before).map(|(now, before)| now - before).collect();
            if slow.iter().all(|more| *more >= 10) {
                Ok(())
            } else {
                Err(format!("{slow:?}, {:?}", load.failures.lock().expect("lock")))
            }
        })
        .await;
    };
    let mut served = BTreeSet::from([process.pid().await]);
    for _ in 0..3 {
        all_go_on().await;
        served.insert(process.hand_over().await);
    }
    all_go_on().await;
    process.says("drained: every request was finished", 3).await;
    load.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.task.await.expect("ended");
    }
    let failures = load.failures.lock().expect("lock").clone();
    assert!(failures.is_empty(), "{} failures: {failures:#?}", failures.len());
    assert_eq!(served.len(), 4);
    assert!(process.ended().success());
    process.says("stopped", 3).await;
    assert_eq!(process.said("drain deadline passed"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_with_a_bad_configuration_changes_nothing_and_a_better_one_may_follow() {
    let app = App::saying("hi").await;
    let process = Process::in_front_of(&app, "drain_notice_ms = 0").await;
    let (pid, http) = (process.pid().await, process.address("http"));
    process.configure("no_such_key = 1");
    process.signal(pid, Signal::USR2);
    process.says("not handed over: this process serves on", 1).await;
    assert_eq!(process.pid().await, pid);
    assert_eq!(get(http, "a", "/").await.text(), "hi");
    let said = format!("{:?}", process.log());
    assert!(said.contains("no_such_key"), "{said}");
    process.configure(&configuration(&[app.address], "drain_notice_ms = 0"));
    assert_ne!(process.hand_over().await, pid);
    assert_eq!(get(http, "a", "/").await.text(), "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_does_not_become_ready_is_ended() {
    let app = App::saying("hi").await;
    let process = Process::in_front_of(&app, "[service]\nhandover_deadline_ms = 1000").await;
    let (pid, http) = (process.pid().await, process.address("http"));
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    process.configure(&configuration(&[nobody], ""));
    process.signal(pid, Signal::USR2);
    process.says("a successor starts", 1).await;
    while process.said("not handed over") == 0 {
        // Neither a request nor a look at it meets the one that cannot serve.
        assert_eq!(get(http, "a", "/").await.text(), "hi");
        assert_eq!(process.pid().await, pid);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(process.successors(), []);
    let said = format!("{:?}", process.log());
    assert!(said.contains("was not ready within 1s"), "{said}");
    assert_eq!(get(http, "a", "/").await.text(), "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_old_one_has_begun_it_finishes_and_idle_clients_move_to_the_new_one() {
    let (go, may_go) = watch::channel(false);
    let app = App::doing(move |seen| match seen.line() {
        "GET /slow HTTP/1.1" => Reply::When(may_go.clone(), "late"),
        _ => Reply::Ok("hi"),
    })
    .await;
    let mut process = Process::in_front_of(&app, "drain_notice_ms = 300").await;
    let http = process.address("http");
    let mut idle = Client::connect(http).await;
    idle.send(ASK).await;
    assert_eq!(idle.read("GET").await.header("connection"), None);
    let mut slow = Client::connect(http).await;
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually("under way", async || {
        if app.count() == 2 {
            Ok(())
        } else {
            Err("not yet".into())
        }
    })
    .await;
    process.hand_over().await;
    assert!(idle.is_closed().await);
    // The name goes on being served, whichever process is asked.
    assert_eq!(get(http, "a", "/.lb/health").await.status, 200);
    assert_eq!(get(http, "a", "/").await.text(), "hi");
    assert_eq!(process.said("drained"), 0, "the old one waits");
    go.send(true).expect("heard");
    let answer = slow.read("GET").await;
    assert_eq!((&*answer.text(), answer.header("connection")), ("late", Some("close")));
    assert!(process.ended().success());
    process.says("drained: every request was finished", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn during_the_notice_the_old_one_asks_its_clients_to_leave_and_does_not_call_itself_ill() {
    let app = App::saying("hi").await;
    let top = "drain_notice_ms = 30000\n[service]\ndrain_deadline_ms = 30000";
    let process = Process::in_front_of(&app, top).await;
    let http = process.address("http");
    let mut first = Client::connect(http).await;
    let mut second = Client::connect(http).await;
    for client in [&mut first, &mut second] {
        client.send(ASK).await;
        client.read("GET").await;
    }
    process.hand_over().await;
    first.send("GET /.lb/health HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let health = first.read("GET").await;
    assert_eq!((health.status, health.header("connection")), (200, Some("close")));
    second.send(ASK).await;
    assert_eq!(second.read("GET").await.header("connection"), Some("close"));
    assert!(second.is_closed().await);
    // A new connection is the successor's, which asks nobody to leave.
    let mut third = Client::connect(http).await;
    third.send(ASK).await;
    assert_eq!(third.read("GET").await.header("connection"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_stays_with_the_old_one_until_its_deadline() {
    let server = Bare::serving(|mut stream, _, _| async move {
        let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(switch.as_bytes()).await.expect("sent");
        let (mut from, mut to) = stream.split();
        let _ended = tokio::io::copy(&mut from, &mut to).await;
    })
    .await;
    let top = "drain_notice_ms = 0\n[service]\ndrain_deadline_ms = 3000";
    let mut process = Process::start(&configuration(&[server.address], top), |_, _| {});
    process.says("ready", 1).await;
    let mut client = Client::connect(process.address("http")).await;
    let ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.send(ask).await;
    assert_eq!(client.read("GET").await.status, 101);
    process.hand_over().await;
    client.send("still there?").await;
    client.expect("still there?").await;
    process.says("drain deadline passed: open connections are cut", 1).await;
    assert!(client.is_closed().await);
    assert!(process.ended().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_waits_at_a_given_socket_is_served() {
    use command_fds::{CommandFdExt, FdMapping};
    let app = App::saying("hi").await;
    // As systemd has it: one socket, whatever its name, before anybody serves.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    let mut client = Client::connect(address).await;
    client.send(ASK).await;
    let toml = configuration(&[app.address], "").replace("127.0.0.1:0", &address.to_string());
    let process = Process::start(&toml, |command, _| {
        command
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", "radiodeck-lb.socket");
        let parent_fd = listener.into();
        command
            .fd_mappings(vec![FdMapping { parent_fd, child_fd: 3 }])
            .expect("one");
    });
    process.says("ready", 1).await;
    client.try_read("GET").await.expect("it was not lost");
    assert_eq!(process.address("http"), address);
    // And such a socket is handed over as any other.
    process.hand_over().await;
    assert_eq!(get(address, "a", "/").await.text(), "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_is_told_which_process_is_the_main_one() {
    let app = App::saying("hi").await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notify");
    let manager = tokio::net::UnixDatagram::bind(&path).expect("bound");
    let process = Process::start(&configuration(&[app.address], "drain_notice_ms = 0"), |command, _| {
        command.env("NOTIFY_SOCKET", &path);
    });
    let hears = async || {
        let mut buffer = [0; 64];
        let length = tokio::time::timeout(PATIENCE, manager.recv(&mut buffer)).await;
        let length = length.expect("in time").expect("received");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert_eq!(hears().await, "READY=1");
    let pid = process.hand_over().await;
    assert_eq!(
        [hears().await, hears().await],
        ["READY=1".into(), format!("MAINPID={pid}")]
    );
    process.signal(pid, Signal::TERM);
    assert_eq!(hears().await, "STOPPING=1");
}
