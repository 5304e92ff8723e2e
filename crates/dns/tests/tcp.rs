//! TCP: many queries on a connection, and bounds on everything a client can hold.

mod support;

use hickory_server::proto::op::{Message, ResponseCode};
use hickory_server::proto::rr::RecordType;
use support::{Server, Tcp, query, query_with_id, shape, zone};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

#[tokio::test]
async fn rfc7766_6_2_1_1_queries_may_be_pipelined() {
    let server = Server::start().await;
    let mut tcp = server.tcp().await;
    let mut all = Vec::new();
    for id in 0..500 {
        let name = if id % 2 == 0 { "www.example" } else { "big.example" };
        let message = query_with_id(name, RecordType::A, id).to_vec().expect("encoded");
        all.extend((message.len() as u16).to_be_bytes());
        all.extend(message);
    }
    let (mut read, mut write) = tcp.0.split();
    let send = write.write_all(&all);
    let receive = async {
        for id in 0..500_u16 {
            let length = read.read_u16().await.expect("a length");
            let mut message = vec![0; usize::from(length)];
            read.read_exact(&mut message).await.expect("a message");
            let message = Message::from_vec(&message).expect("a message");
            assert_eq!(message.metadata.id, id);
            assert_eq!(message.answers.len(), if id % 2 == 0 { 1 } else { 100 });
        }
    };
    let (sent, ()) = timeout(support::DEADLINE, async { tokio::join!(send, receive) })
        .await
        .expect("in time");
    sent.expect("sent");
}

#[tokio::test]
async fn rfc7766_8_a_message_may_come_byte_by_byte_and_the_client_may_close_its_half() {
    let server = Server::start().await;
    let mut tcp = server.tcp().await;
    let message = query("www.example", RecordType::A).to_vec().expect("encoded");
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend(message);
    for byte in framed {
        tcp.0.write_all(&[byte]).await.expect("sent");
        tokio::task::yield_now().await;
    }
    tcp.0.shutdown().await.expect("half closed");
    let answer = Message::from_vec(&tcp.receive().await.expect("an answer")).expect("a message");
    assert_eq!(shape(&answer), "NoError aa 1/0/0");
    assert_eq!(tcp.receive().await, None);
}

#[tokio::test]
async fn rfc7766_6_2_3_who_asks_nothing_or_half_a_question_is_disconnected() {
    let more = "[tcp]\nfirst_query_ms = 100\nidle_ms = 100\n";
    let server = Server::with(&[("example", &zone())], more).await;
    let mut silent = server.tcp().await;
    let mut half = server.tcp().await;
    half.0.write_all(&[0, 40, 1, 2, 3]).await.expect("sent");
    let mut once = server.tcp().await;
    assert_eq!(shape(&once.ask("www.example", RecordType::A).await), "NoError aa 1/0/0");
    assert_eq!(silent.receive().await, None);
    assert_eq!(half.receive().await, None);
    assert_eq!(once.receive().await, None);
}

#[tokio::test]
async fn what_gets_no_answer_ends_the_connection() {
    let server = Server::start().await;
    let mut bytes = query("www.example", RecordType::A).to_vec().expect("encoded");
    bytes[2] |= 0x80;
    for garbage in [&bytes[..], b"", b"GET / HTTP"] {
        let mut tcp = server.tcp().await;
        tcp.send(garbage).await;
        assert_eq!(tcp.receive().await, None);
    }
}

#[tokio::test]
async fn rfc9210_5_1_a_client_that_opens_many_connections_loses_its_own_oldest() {
    let more = "[tcp]\nmax_connections = 64\nmax_connections_per_client = 8\n";
    let server = Server::with(&[("example", &zone())], more).await;
    let mut other = from_another_address(&server).await;
    assert_eq!(
        shape(&other.ask("www.example", RecordType::A).await),
        "NoError aa 1/0/0"
    );

    let mut left = Vec::new();
    for _ in 0..300 {
        left.push(server.tcp().await);
    }
    // The other client is as it was, new connections are served, and so is UDP.
    assert_eq!(
        shape(&other.ask("www.example", RecordType::A).await),
        "NoError aa 1/0/0"
    );
    let mut new = server.tcp().await;
    assert_eq!(shape(&new.ask("www.example", RecordType::A).await), "NoError aa 1/0/0");
    assert_eq!(
        shape(&server.ask("www.example", RecordType::A).await),
        "NoError aa 1/0/0"
    );
    assert_eq!(left[0].receive().await, None, "the oldest was closed");
}

#[tokio::test]
async fn half_sent_messages_hold_nobody_up() {
    let server = Server::start().await;
    let mut half = Vec::new();
    for _ in 0..20 {
        let mut tcp = server.tcp().await;
        tcp.0.write_all(&[0, 40, 1]).await.expect("sent");
        half.push(tcp);
    }
    let asked = async { server.tcp().await.ask("www.example", RecordType::A).await };
    assert_eq!(shape(&asked.await), "NoError aa 1/0/0");
}

#[tokio::test]
async fn a_query_of_more_than_4096_bytes_is_refused_before_it_has_arrived() {
    let server = Server::start().await;
    let message = query("www.example", RecordType::A).to_vec().expect("encoded");
    let mut tcp = server.tcp().await;
    let mut bytes = (message.len() as u16).to_be_bytes().to_vec();
    bytes.extend_from_slice(&message);
    bytes.extend([0xff, 0xff]);
    bytes.extend_from_slice(&message);
    tcp.0.write_all(&bytes).await.expect("sent");
    // What came before it is answered.
    let answer = Message::from_vec(&tcp.receive().await.expect("an answer")).expect("a message");
    assert_eq!(shape(&answer), "NoError aa 1/0/0");
    let refusal = tcp.receive().await.expect("a refusal");
    assert_eq!(
        (&refusal[..2], support::code(&refusal)),
        (&message[..2], ResponseCode::FormErr)
    );
    assert_eq!(tcp.receive().await, None);
    // A whole one is refused as well, and the client sees it although it sent on.
    let mut tcp = server.tcp().await;
    let mut long = message;
    long.resize(4097, 0);
    tcp.send(&long).await;
    assert_eq!(
        support::code(&tcp.receive().await.expect("a refusal")),
        ResponseCode::FormErr
    );
    assert_eq!(tcp.receive().await, None);
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_disconnected() {
    let more = "[tcp]\nwrite_ms = 200\n";
    let server = Server::with(&[("example", &zone())], more).await;
    let mut tcp = server.tcp().await;
    let message = query("big.example", RecordType::A).to_vec().expect("encoded");
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend(message);
    let flood = async {
        // Until the server has had enough: it does not read on while it cannot write.
        while tcp.0.write_all(&framed).await.is_ok() {}
    };
    timeout(support::DEADLINE, flood).await.expect("disconnected");
}

#[tokio::test]
async fn rfc1035_4_2_2_what_no_message_can_hold_is_truncated_by_tcp_too() {
    let mut zone = zone();
    for n in 0..5000 {
        zone.push_str(&format!("huge A 10.0.{}.{}\n", n / 250, n % 250));
    }
    let server = Server::with(&[("example", &zone)], "").await;
    let answer = server.tcp().await.ask("huge.example", RecordType::A).await;
    assert_eq!(shape(&answer), "NoError aa tc 0/0/0");
}

#[tokio::test]
async fn a_drain_answers_what_was_asked_and_ends() {
    let server = Server::start().await;
    let mut tcp = server.tcp().await;
    assert_eq!(shape(&tcp.ask("www.example", RecordType::A).await), "NoError aa 1/0/0");
    let message = query("www.example", RecordType::A).to_vec().expect("encoded");
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend(message);
    // Half a question is there when the drain begins, the rest comes after.
    tcp.0.write_all(&framed[..10]).await.expect("sent");
    let idle = server.tcp().await;
    server.begin_shutdown();
    tcp.0.write_all(&framed[10..]).await.expect("sent");
    assert!(tcp.receive().await.is_some());
    assert_eq!(tcp.receive().await, None);
    server.stopped().await;
    drop(idle);
}

async fn from_another_address(server: &Server) -> Tcp {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.2:0".parse().expect("an address")).expect("bound");
    Tcp(socket.connect(server.addr).await.expect("connected"))
}
