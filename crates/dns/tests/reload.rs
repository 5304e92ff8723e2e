//! Reloading within a process: whole generations, and no query lost.

mod support;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hickory_server::proto::op::Message;
use hickory_server::proto::rr::{RData, RecordType};
use support::{DEADLINE, Server, query_with_id, shape};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Every name holds the number of the generation, so that a mixture would show.
fn zone(number: u8) -> String {
    let mut text = format!("$TTL 5\n@ SOA ns admin {number} 1 1 1 1\n@ NS ns\n");
    for name in ["ns", "www"] {
        text.push_str(&format!("{name} A 192.0.2.{number}\n"));
    }
    text.push_str("alias CNAME www\n");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_reloads_under_load_lose_no_query() {
    let server = Server::with(&[("example", &zone(1))], "").await;
    let stop = Arc::new(AtomicBool::new(false));
    let latest = Arc::new(AtomicU64::new(1));
    let clients: Vec<_> = (0..3)
        .map(|_| tokio::spawn(client(server.addr, stop.clone(), latest.clone())))
        .collect();
    for number in 2..=21 {
        std::fs::write(server.folder.path().join("example.zone"), zone(number)).expect("written");
        latest.store(u64::from(number), Ordering::SeqCst);
        let store = server.store.clone();
        let reloaded = tokio::task::spawn_blocking(move || store.reload())
            .await
            .expect("no panic");
        assert_eq!(reloaded.expect("a good zone").number, u64::from(number));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        let answered = client.await.expect("no query lost");
        assert!(answered > 20, "{answered} queries");
    }
}

async fn client(addr: std::net::SocketAddr, stop: Arc<AtomicBool>, latest: Arc<AtomicU64>) -> u64 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
    socket.connect(addr).await.expect("connected");
    let mut buffer = vec![0; 2048];
    let (mut asked, mut newest) = (0, 1);
    while !stop.load(Ordering::SeqCst) {
        asked += 1;
        let query = query_with_id("alias.example", RecordType::A, asked as u16)
            .to_vec()
            .expect("encoded");
        socket.send(&query).await.expect("sent");
        let received = timeout(DEADLINE, socket.recv(&mut buffer))
            .await
            .expect("an answer to every query");
        let answer = Message::from_vec(&buffer[..received.expect("received")]).expect("a message");
        assert_eq!(answer.metadata.id, asked as u16);
        assert_eq!(shape(&answer), "NoError aa 2/0/0");
        let RData::A(address) = &answer.answers[1].data else {
            panic!("{answer}");
        };
        let generation = u64::from(address.octets()[3]);
        // Never older than what this client has seen, never from the future.
        assert!(
            generation >= newest && generation <= latest.load(Ordering::SeqCst),
            "{generation}"
        );
        newest = generation;
    }
    asked
}

#[tokio::test]
async fn a_bad_reload_keeps_the_old_zones_and_says_why() {
    let text = zone(1);
    let server = Server::with(&[("example", &text), ("example.org", &text)], "").await;
    std::fs::write(server.folder.path().join("example.zone"), zone(2)).expect("written");
    std::fs::write(
        server.folder.path().join("example.org.zone"),
        format!("{text}www CNAME ns\n"),
    )
    .expect("written");
    let error = server.store.reload().expect_err("a bad zone").to_string();
    assert!(
        error.contains("example.org.zone:7: CNAME at www.example.org."),
        "{error}"
    );
    assert_eq!(server.store.last_failure(), Some(error));
    // Neither zone has changed, the good one neither.
    let generation = server.store.current();
    assert_eq!(generation.number, 1);
    assert!(generation.zones.zones().iter().all(|zone| zone.serial() == 1));
    assert_eq!(
        shape(&server.ask("www.example", RecordType::A).await),
        "NoError aa 1/0/0"
    );

    std::fs::write(server.folder.path().join("example.org.zone"), text).expect("written");
    server.store.reload().expect("good zones");
    assert_eq!(server.store.last_failure(), None);
    assert_eq!(server.store.current().zones.zones()[0].serial(), 2);
}
