//! A flood of datagrams: the server goes on with everything else, and ends when told to.

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use hickory_server::proto::rr::RecordType;
use support::{Server, query, shape, zone};

/// Threads that send as fast as they can until this is dropped.
struct Flood {
    over: Arc<AtomicBool>,
    senders: Vec<JoinHandle<()>>,
}

impl Flood {
    fn start(to: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let message = query("www.example", RecordType::A).to_vec().expect("encoded");
        let senders = (0..2).map(|_| {
            let (over, message) = (over.clone(), message.clone());
            std::thread::spawn(move || {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
                while !over.load(Ordering::Relaxed) {
                    // Refused once the server is gone, which is the end that is wanted.
                    let _ = socket.send_to(&message, to);
                }
            })
        });
        Self {
            senders: senders.collect(),
            over,
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for sender in self.senders.drain(..) {
            let _ = sender.join();
        }
    }
}

/// All on one thread, so that a loop that never yields stops the test itself.
#[tokio::test(flavor = "current_thread")]
async fn a_flood_starves_neither_tcp_nor_the_drain() {
    let server = Server::with(&[("example", &zone())], "[udp]\nworkers = 1\n").await;
    let flood = Flood::start(server.addr);
    for _ in 0..20 {
        let answer = server.tcp().await.ask("www.example", RecordType::A).await;
        assert_eq!(shape(&answer), "NoError aa 1/0/0");
    }
    server.begin_shutdown();
    server.stopped().await;
    drop(flood);
}
