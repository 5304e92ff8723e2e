//! Memory and places are shared among clients: nobody gets all of them.

mod support;

use support::{App, Balancer, Client, get};

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_heads_share_one_allowance() {
    let app = App::saying("hi").await;
    let top = "workers = 1\n[client]\nmax_unfinished_heads_bytes = 262144";
    let balancer = Balancer::in_front_of(&[&app], "", top).await;
    let mut refused = 0;
    let mut held = Vec::new();
    for _ in 0..30 {
        let mut client = Client::connect(balancer.address).await;
        client
            .send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(20_000)))
            .await;
        held.push(client);
    }
    for client in &mut held {
        let answered = tokio::time::timeout(std::time::Duration::from_millis(200), client.stream.readable()).await;
        if answered.is_ok() {
            let answer = client.read("GET").await;
            assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
            refused += 1;
        }
    }
    assert!((10..30).contains(&refused), "{refused} of 30 were refused");
    // Small ones still get through, and large ones again when the others are gone.
    assert_eq!(get(balancer.address, "a", "/").await.text(), "hi");
    drop(held);
    support::eventually("room again", async || {
        let answer = get(balancer.address, "a", &format!("/{}", "a".repeat(30_000))).await;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_gets_its_share_of_connections_and_no_more() {
    let app = App::saying("hi").await;
    let top = "[client]\nmax_connections_per_address = 8";
    let balancer = Balancer::in_front_of(&[&app], "", top).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut client = Client::connect(balancer.address).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.read("GET").await.status, 200);
        held.push(client);
    }
    assert!(Client::connect(balancer.address).await.is_closed().await);
    held.pop();
    support::eventually("a place again", async || {
        let mut client = Client::connect(balancer.address).await;
        let _sent = tokio::io::AsyncWriteExt::write_all(&mut client.stream, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.try_read("GET").await.map(drop).ok_or("closed".into())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trusted_proxies_have_as_many_connections_as_they_like() {
    let app = App::saying("hi").await;
    let top = "[client]\nmax_connections_per_address = 2\ntrusted_proxies = [\"127.0.0.0/8\"]";
    let balancer = Balancer::in_front_of(&[&app], "", top).await;
    let mut held = Vec::new();
    for _ in 0..6 {
        let mut client = Client::connect(balancer.address).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.read("GET").await.status, 200);
        held.push(client);
    }
}

/// Fills all places with connections that say `beginning` and no more, and looks
/// whether others are still served.
async fn others_are_served_beside(beginning: &str) {
    let app = App::saying("hi").await;
    let top = "workers = 1\n[client]\nmax_connections = 8\nhead_ms = 60000\nidle_ms = 60000";
    let balancer = Balancer::in_front_of(&[&app], "", top).await;
    let mut kept = Client::connect(balancer.address).await;
    kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(kept.read("GET").await.status, 200);
    let mut held = Vec::new();
    for _ in 0..7 {
        let mut client = Client::connect(balancer.address).await;
        client.send(beginning).await;
        held.push(client);
    }
    assert_eq!(get(balancer.address, "a", "/").await.text(), "hi");
    assert!(balancer.metric("lb_evicted_total") > 0);
    // Who has been served before keeps its place as long as there are others.
    kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(kept.read("GET").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_make_room_for_others() {
    others_are_served_beside("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_do_not_end_make_room_for_others() {
    others_are_served_beside("GET / HTTP/1.1\r\nHost: a\r\nX: ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_connections_without_a_request_make_room_for_others() {
    others_are_served_beside("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
}
