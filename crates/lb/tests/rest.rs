//! A connection that has been idle for a while gives its buffers back, and a
//! client must not notice.

mod support;

use std::time::Duration;

use support::{App, Balancer, Client};
use tokio::time::sleep;

/// Longer than a connection is idle before it rests, and than the sweep takes.
const REST: Duration = Duration::from_millis(1800);

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_on_after_a_rest_as_if_there_had_been_none() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut client = Client::connect(balancer.address).await;
    for round in 0..3 {
        // Two at once the second time: the scanner must not have lost count.
        let requests = if round == 1 { 2 } else { 1 };
        client.send(GET.repeat(requests)).await;
        for _ in 0..requests {
            assert_eq!(client.read("GET").await.text(), "hi");
        }
        sleep(REST).await;
    }
    assert_eq!(app.count(), 4);
    // What is malformed is refused after a rest, too.
    client.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n").await;
    assert_eq!(client.read("GET").await.status, 400);
    assert!(client.is_closed().await);
    assert_eq!(app.count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_has_begun_is_not_lost_to_a_rest() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let mut client = Client::connect(balancer.address).await;
    let (begin, end) = GET.split_at(9);
    client.send(begin).await;
    sleep(REST).await;
    client.send(end).await;
    assert_eq!(client.read("GET").await.text(), "hi");
    // Nor is one whose first byte comes just before.
    client.send("\r\n").await;
    sleep(REST).await;
    client.send(GET).await;
    assert_eq!(client.read("GET").await.text(), "hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_rests_is_still_closed_when_idle_for_too_long_and_at_a_drain() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "client.idle_ms = 2500").await;
    let mut client = Client::connect(balancer.address).await;
    client.send(GET).await;
    assert_eq!(client.read("GET").await.text(), "hi");
    assert!(client.is_closed().await);

    let mut client = Client::connect(balancer.address).await;
    client.send(GET).await;
    assert_eq!(client.read("GET").await.text(), "hi");
    sleep(REST).await;
    balancer.shutdown.begin();
    assert!(client.is_closed().await);
}
