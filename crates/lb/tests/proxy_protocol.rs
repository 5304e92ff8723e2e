//! The PROXY protocol in front of a connection. What the parser takes and what
//! it does not is shown beside it.

mod support;

use std::time::Duration;

use support::{App, Balancer, Client, get};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A header of version 2 for 203.0.113.7, with a note.
fn v2() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x11".to_vec();
    header.extend([203, 0, 113, 7, 10, 0, 0, 1, 0xdb, 0xe0, 0, 80]);
    header.extend([0x04, 0, 2, 1, 2]);
    header
}

async fn pair(top: &str) -> (App, Balancer) {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", &format!("proxy_protocol = true\n{top}")).await;
    (app, balancer)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_in_the_header_is_the_clients_however_it_is_cut() {
    let (app, balancer) = pair("").await;
    let v1 = "PROXY TCP4 203.0.113.7 10.0.0.1 56288 80\r\n".as_bytes().to_vec();
    for header in [v1, v2()] {
        for cut in [1, 5, 15, 16, 20, header.len() - 1, header.len(), header.len() + 3] {
            let whole = [&header[..], GET.as_bytes()].concat();
            let mut client = Client::connect(balancer.address).await;
            client.send(&whole[..cut]).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            client.send(&whole[cut..]).await;
            assert_eq!(client.read("GET").await.text(), "hi", "cut at {cut}");
            client.send(GET).await;
            assert_eq!(client.read("GET").await.text(), "hi");
        }
    }
    for seen in app.seen() {
        assert_eq!(seen.header("x-forwarded-for"), ["203.0.113.7"]);
    }
    assert_eq!(balancer.metric("lb_unannounced_total"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_speaks_for_itself_or_for_nobody_known_is_the_client() {
    let (app, balancer) = pair("").await;
    for header in [
        &b"PROXY UNKNOWN\r\n"[..],
        b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x00\x00",
    ] {
        let mut client = Client::connect(balancer.address).await;
        client.send([header, GET.as_bytes()].concat()).await;
        assert_eq!(client.read("GET").await.text(), "hi", "{header:?}");
    }
    for seen in app.seen() {
        assert_eq!(seen.header("x-forwarded-for"), ["127.0.0.1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_begin_with_a_whole_header_is_closed_without_a_word() {
    let (app, balancer) = pair("[client]\nhead_ms = 300").await;
    let mut lying = v2();
    lying[15] += 1;
    let mut endless = v2();
    endless[14] = 0xff;
    let cases = [
        GET.as_bytes().to_vec(),
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n".to_vec(),
        [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat(),
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x00".to_vec(),
        [lying, GET.as_bytes().to_vec()].concat(),
        endless,
        // These stop in the middle.
        Vec::new(),
        b"PROXY TCP4 ".to_vec(),
        b"PROXY TCP4 203.0.113.7 10.0.0.1".to_vec(),
        v2()[..20].to_vec(),
    ];
    for bytes in &cases {
        let mut client = Client::connect(balancer.address).await;
        client.send(bytes).await;
        assert!(client.is_closed().await, "{bytes:?}");
    }
    support::eventually("all are counted", async || {
        match balancer.metric("lb_unannounced_total") {
            10 => Ok(()),
            count => Err(format!("{count}")),
        }
    })
    .await;
    assert_eq!(app.count(), 0);
    assert_eq!(balancer.metric("lb_connections_open"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_proxy_may_say_who_the_client_is() {
    let (app, balancer) = pair("[client]\ntrusted_proxies = [\"10.0.0.0/8\"]").await;
    let mut client = Client::connect(balancer.address).await;
    let sent = tokio::io::AsyncWriteExt::write_all(&mut client.stream, &v2()).await;
    assert!(sent.is_err() || client.is_closed().await);
    assert_eq!(app.count(), 0);
    drop(balancer);

    let (app, balancer) = pair("[client]\ntrusted_proxies = [\"127.0.0.0/8\"]").await;
    let mut client = Client::connect(balancer.address).await;
    let claim = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n";
    client.send([&v2()[..], claim.as_bytes()].concat()).await;
    assert_eq!(client.read("GET").await.text(), "hi");
    // The proxy is trusted, and the client whose words it passes on is not.
    assert_eq!(app.only().header("x-forwarded-for"), ["203.0.113.7"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_count_the_address_in_the_header() {
    let (_app, balancer) = pair("[client]\nmax_connections_per_address = 2").await;
    let open = async |address: &str| {
        let mut client = Client::connect(balancer.address).await;
        client
            .send(format!("PROXY TCP4 {address} 10.0.0.1 1 80\r\n{GET}"))
            .await;
        client.try_read("GET").await.map(|_| client)
    };
    let first = (open("203.0.113.7").await, open("203.0.113.7").await);
    assert!(first.0.is_some() && first.1.is_some());
    assert!(open("203.0.113.7").await.is_none());
    assert!(open("203.0.113.8").await.is_some());
    assert_eq!(balancer.metric("lb_turned_away_total"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_without_it_takes_none() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let answer = support::request(balancer.address, format!("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n{GET}")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(get(balancer.address, "a", "/").await.text(), "hi");
}
