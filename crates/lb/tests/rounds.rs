//! Requests that every server has failed: rounds and the pauses between them.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{App, Balancer, Reply, request};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_all_servers_have_failed_goes_round_again_after_a_pause() {
    // Each fails the first request it gets and is well from then on.
    let mut apps = Vec::new();
    for _ in 0..2 {
        let asked = AtomicUsize::new(0);
        let script = move |_: &support::app::Seen| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::RawReset(vec![]),
            _ => Reply::Ok("good"),
        };
        apps.push(App::doing(script).await);
    }
    let balancer = Balancer::in_front_of(&[&apps[0], &apps[1]], "", "workers = 1").await;
    assert_eq!(request(balancer.address, GET).await.text(), "good");
    assert_eq!(balancer.metric("lb_retries_total"), 2);
    assert_eq!(apps[0].count() + apps[1].count(), 3);
    assert_eq!(
        apps[0].count().abs_diff(apps[1].count()),
        1,
        "not twice in a row to one server"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_to_the_only_server_waits_out_the_moment_in_which_it_is_restarted() {
    let app = App::saying("good").await;
    let top = "[retry]\nattempts = 8\nbackoff_ms = 100";
    let balancer = Balancer::in_front_of(&[&app], "check.interval_ms = 3600000", top).await;
    app.kill().await;
    let address = balancer.address;
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let answer = tokio::spawn(request(address, post));
    support::eventually("it was refused", async || match balancer.metric("lb_failures_total") {
        0 => Err("not yet".into()),
        _ => Ok(()),
    })
    .await;
    app.restart().await;
    assert_eq!(answer.await.expect("an answer").text(), "good");
    assert_eq!(app.count(), 1);
    assert_eq!(balancer.metric("lb_retries_total"), 0);
    assert!(balancer.metric("lb_redispatches_total") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_end_with_the_deadline_for_an_answer() {
    let app = App::saying("never").await;
    let top = "[retry]\nattempts = 8\nbackoff_ms = 10000";
    let pool = "check.interval_ms = 3600000\nupstream.first_byte_ms = 1000";
    let balancer = Balancer::in_front_of(&[&app], pool, top).await;
    app.kill().await;
    let answer = tokio::time::timeout(Duration::from_secs(4), request(balancer.address, GET)).await;
    assert_eq!(answer.expect("no pause of five seconds or more").status, 502);
    assert_eq!(balancer.metric("lb_redispatches_total"), 0);
}
