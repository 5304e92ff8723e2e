//! Database nodes go, and the app server stays.

use http::{Method, StatusCode};
use serde_json::Value;

use crate::support::{COMPLETE, Deck, header, request, until};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_primary_reads_go_on_and_writes_are_refused_and_without_any_node_all_is() {
    let deck = Deck::start(1).await;
    until("a replica is seen", async || {
        deck.database
            .nodes()
            .iter()
            .all(|node| node.role != catalog::NodeRole::Down)
    })
    .await;

    deck.cluster.kill_node("pg-1").await.expect("killed");
    let vote = async || {
        let ask = request(
            Method::POST,
            "api.radiodeck.localhost",
            &format!("/json/vote/{COMPLETE}"),
        );
        deck.send(ask.body(String::new()).expect("a request")).await
    };
    let refused = vote().await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body());
    assert_eq!(header(&refused, "content-type"), "application/problem+json");
    assert!(!header(&refused, "retry-after").is_empty());
    let problem: Value = serde_json::from_str(refused.body()).expect("JSON");
    assert_eq!(problem["status"], 503);
    for path in ["/", "/search?q=complete", &format!("/station/{COMPLETE}")] {
        let answer = deck.site(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", answer.body());
    }
    assert_eq!(deck.api("/json/stations/topvote/3").await.status(), StatusCode::OK);
    let stream = deck.api(&format!("/json/url/{COMPLETE}")).await;
    assert_eq!(stream.status(), StatusCode::OK, "a station plays: {}", stream.body());
    assert_eq!(deck.site("/healthz").await.status(), StatusCode::OK, "it still reads");

    deck.cluster.kill_node("pg-2").await.expect("killed");
    let gone = deck.api("/json/stats").await;
    assert_eq!(gone.status(), StatusCode::SERVICE_UNAVAILABLE, "{}", gone.body());
    let page = deck.site(&format!("/station/{COMPLETE}")).await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body().contains("Signal lost for a moment"), "{}", page.body());
    until("the probe of the balancer fails", async || {
        deck.site("/healthz").await.status() == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;

    deck.cluster.start_node("pg-1").await.expect("started");
    until("votes count again", async || vote().await.status() == StatusCode::OK).await;
    assert_eq!(deck.site("/healthz").await.status(), StatusCode::OK);
}
