//! Votes and clicks.

use http::{Method, Response, StatusCode};
use serde_json::Value;

use crate::support::{COMPLETE, deck, header, request, until};

async fn from(client: &str, method: Method, path: &str) -> Response<String> {
    let ask = request(method, "api.radiodeck.localhost", path).header("x-forwarded-for", client);
    deck().send(ask.body(String::new()).expect("a request")).await
}

fn body(answer: &Response<String>) -> Value {
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.body());
    assert_eq!(header(answer, "cache-control"), "no-store");
    serde_json::from_str(answer.body()).expect("JSON")
}

/// A filler nobody else votes for.
fn filler(number: usize) -> String {
    format!("f1111111-0000-4000-8000-{number:012}")
}

async fn station(uuid: &str) -> Value {
    let answer = deck().api(&format!("/json/stations/byuuid/{uuid}")).await;
    serde_json::from_str::<Value>(answer.body()).expect("JSON")[0].clone()
}

#[tokio::test]
async fn a_visitor_votes_once_for_a_station_and_another_visitor_too() {
    let uuid = filler(1);
    let path = format!("/json/vote/{uuid}");
    let first = body(&from("203.0.113.1", Method::GET, &path).await);
    assert_eq!(first["ok"], true, "{first}");
    let again = body(&from("203.0.113.1", Method::POST, &path).await);
    assert_eq!(again["ok"], false, "{again}");
    // What the client itself wrote in front does not make it somebody else.
    let forged = body(&from("198.51.100.99, 203.0.113.1", Method::GET, &path).await);
    assert_eq!(forged["ok"], false, "{forged}");
    let other = body(&from("203.0.113.2", Method::GET, &path).await);
    assert_eq!(other["ok"], true, "{other}");
    assert_eq!(station(&uuid).await["votes"], 2);
}

#[tokio::test]
async fn head_neither_votes_nor_clicks() {
    let uuid = filler(2);
    for path in ["vote", "url"] {
        let head = from("203.0.113.3", Method::HEAD, &format!("/json/{path}/{uuid}")).await;
        assert_eq!(head.status(), StatusCode::OK, "{path}");
    }
    let station = station(&uuid).await;
    assert_eq!(
        (&station["votes"], &station["clickcount"]),
        (&Value::from(0), &Value::from(0))
    );
}

#[tokio::test]
async fn a_click_gives_the_stream_and_counts_once_a_day() {
    let path = format!("/json/url/{COMPLETE}");
    let first = body(&from("203.0.113.4", Method::GET, &path).await);
    assert_eq!(first["ok"], true);
    assert_eq!(first["message"], "retrieved station url");
    assert_eq!(first["stationuuid"], COMPLETE);
    assert_eq!(first["name"], "Complete Radio");
    assert_eq!(first["url"], "http://complete.example/stream");
    let clicks = async || station(COMPLETE).await["clickcount"].as_i64().expect("a number");
    // 84 came with the catalogue.
    until("the click is written", async || clicks().await == 85).await;
    body(&from("203.0.113.4", Method::GET, &path).await);
    body(&from("203.0.113.5", Method::POST, &format!("/v2/json/url/{COMPLETE}")).await);
    until("the other visitor's is written", async || clicks().await == 86).await;
}

async fn named(client: &str, key: &str, path: &str) -> Response<String> {
    let ask = request(Method::POST, "api.radiodeck.localhost", path)
        .header("x-forwarded-for", client)
        .header("idempotency-key", key);
    deck().send(ask.body(String::new()).expect("a request")).await
}

#[tokio::test]
async fn a_write_sent_again_under_its_key_is_answered_again_and_not_done_again() {
    let uuid = filler(5);
    let vote = format!("/json/vote/{uuid}");
    let first = named("203.0.113.10", "\"k-1\"", &vote).await;
    assert_eq!(body(&first)["ok"], true);
    let again = named("203.0.113.10", "k-1", &vote).await;
    assert_eq!(
        (again.status(), again.body(), header(&again, "content-type")),
        (first.status(), first.body(), header(&first, "content-type"))
    );
    let unnamed = body(&from("203.0.113.10", Method::POST, &vote).await);
    assert_eq!(unnamed["ok"], false, "{unnamed}");
    assert_eq!(station(&uuid).await["votes"], 1);

    let other = named("203.0.113.10", "k-1", &format!("/json/vote/{}", filler(6))).await;
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY, "{}", other.body());
    assert_eq!(header(&other, "content-type"), "application/problem+json");
    assert_eq!(station(&filler(6)).await["votes"], 0);

    // A key is its visitor's own.
    let neighbour = body(&named("203.0.113.11", "k-1", &vote).await);
    assert_eq!(neighbour["ok"], true, "{neighbour}");
}

#[tokio::test]
async fn a_click_with_a_key_is_counted_when_it_is_answered() {
    let uuid = filler(7);
    let path = format!("/json/url/{uuid}");
    for _ in 0..2 {
        let answer = body(&named("203.0.113.12", "click-1", &path).await);
        assert_eq!(answer["url"], "http://filler.example/7");
        assert_eq!(station(&uuid).await["clickcount"], 1);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_a_problem_and_nothing_is_done() {
    let uuid = filler(8);
    for key in ["\"open", "two words", "\"\""] {
        let answer = named("203.0.113.13", key, &format!("/json/vote/{uuid}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{key}: {}", answer.body());
        assert_eq!(header(&answer, "content-type"), "application/problem+json", "{key}");
    }
    assert_eq!(station(&uuid).await["votes"], 0);
}

#[tokio::test]
async fn in_xml_an_outcome_is_a_status_element() {
    let answer = from("203.0.113.6", Method::GET, &format!("/xml/vote/{}", filler(3))).await;
    assert!(
        answer.body().contains("<result><status ok=\"true\" message=\""),
        "{}",
        answer.body()
    );
    let answer = from("203.0.113.6", Method::GET, &format!("/xml/url/{}", filler(3))).await;
    assert!(
        answer
            .body()
            .contains("<status ok=\"true\" message=\"retrieved station url\""),
        "{}",
        answer.body()
    );
}

#[tokio::test]
async fn a_page_of_another_site_plants_no_vote() {
    let uuid = filler(4);
    let vote = async |path: &str, client: &str, mode: &str, dest: &str| {
        let ask = request(Method::GET, "api.radiodeck.localhost", &format!("/json/{path}/{uuid}"))
            .header("x-forwarded-for", client)
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", mode)
            .header("sec-fetch-dest", dest);
        deck().send(ask.body(String::new()).expect("a request")).await
    };
    for (mode, dest) in [("no-cors", "image"), ("no-cors", "script"), ("navigate", "iframe")] {
        let answer = vote("vote", "203.0.113.8", mode, dest).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{dest}: {}", answer.body());
        assert_eq!(header(&answer, "content-type"), "application/problem+json", "{dest}");
    }
    assert_eq!(station(&uuid).await["votes"], 0);
    body(&vote("vote", "203.0.113.8", "cors", "empty").await);
    body(&vote("vote", "203.0.113.9", "navigate", "document").await);
    assert_eq!(station(&uuid).await["votes"], 2);
    // A player on any page may play.
    body(&vote("url", "203.0.113.8", "no-cors", "audio").await);
}

#[tokio::test]
async fn an_unknown_station_takes_neither() {
    for path in ["vote", "url"] {
        let answer = from(
            "203.0.113.7",
            Method::GET,
            &format!("/json/{path}/00000000-0000-4000-8000-000000000000"),
        )
        .await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header(&answer, "content-type"), "application/problem+json", "{path}");
    }
}
