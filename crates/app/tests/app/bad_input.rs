//! What cannot be answered: each a clear error, and the process lives on.

use std::time::Duration;

use http::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{DEADLINE, deck, header, request};

/// Checks that an answer is problem details for its status and gives its field.
fn problem(answer: &Response<String>, expected: StatusCode, what: &str) -> Value {
    assert_eq!(answer.status(), expected, "{what}: {}", answer.body());
    assert_eq!(header(answer, "content-type"), "application/problem+json", "{what}");
    assert_eq!(header(answer, "cache-control"), "no-store", "{what}");
    let problem: Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(problem["status"], expected.as_u16(), "{what}");
    assert_eq!(
        problem["title"],
        expected.canonical_reason().expect("a phrase"),
        "{what}"
    );
    assert!(
        problem["detail"].as_str().is_some_and(|detail| detail.len() > 10),
        "{what}: {problem}"
    );
    problem["field"].clone()
}

#[tokio::test]
async fn a_parameter_that_cannot_be_used_is_named() {
    let many_uuids = vec!["f1111111-0000-4000-8000-000000000000"; 1_001].join(",");
    let long = "x".repeat(20_000);
    for (path, field) in [
        ("/json/stations?limit=abc", "limit"),
        ("/json/stations?offset=1e3", "offset"),
        ("/json/stations?reverse=maybe", "reverse"),
        ("/json/stations?hideBroken=2", "hidebroken"),
        ("/json/stations/search?bitrateMin=loud", "bitrateMin"),
        ("/json/stations/search?name_exact=yes%20please", "nameExact"),
        ("/json/stations/search?has_geo_info=x", "has_geo_info"),
        (&format!("/json/stations/search?name={long}"), "name"),
        (&format!("/json/stations/byname/{long}"), "term"),
        ("/json/stations/search?name=a%00b", "name"),
        ("/json/stations/byuuid/no-uuid", "stationuuid"),
        ("/json/stations/byuuid/1,2", "stationuuid"),
        (&format!("/json/stations/byuuid/{many_uuids}"), "stationuuid"),
        ("/json/stations/byuuid?uuids=1,2", "uuids"),
        (&format!("/json/stations/byuuid?uuids={many_uuids}"), "uuids"),
        ("/json/stations/byurl", "url"),
        ("/json/stations/topvote/many", "count"),
        ("/json/url/no-uuid", "uuid"),
        ("/json/vote/1234", "uuid"),
        ("/json/tags?order=votes", "order"),
        ("/xml/countries?limit=x", "limit"),
    ] {
        let answer = deck().api(path).await;
        let named = problem(&answer, StatusCode::BAD_REQUEST, &path[..path.len().min(60)]);
        assert_eq!(named, field, "{}", &path[..path.len().min(60)]);
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused() {
    for path in [
        "/json/stations/byname/a%00b",
        "/%00",
        "/json/stations/byname/%ff%fe",
        "/json/url/%00",
    ] {
        let answer = deck().api(path).await;
        problem(&answer, StatusCode::BAD_REQUEST, path);
        let page = deck().site(path).await;
        assert!(page.status().is_client_error(), "{path}");
        assert!(page.body().contains("<!doctype html>"), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_and_an_unknown_format_406() {
    for path in [
        "/nothing",
        "/json/nothing",
        "/json/stations/nothing/at/all",
        "/json/stations/byshoesize/9",
    ] {
        problem(&deck().api(path).await, StatusCode::NOT_FOUND, path);
    }
    for path in ["/yaml/stations", "/csv/stations/topvote/3", "/m3u/stations/bytag/jazz"] {
        problem(&deck().api(path).await, StatusCode::NOT_ACCEPTABLE, path);
    }
}

#[tokio::test]
async fn a_method_that_does_not_fit_is_told_which_do() {
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let ask = request(method.clone(), "api.radiodeck.localhost", "/json/stations");
        let answer = deck().send(ask.body(String::new()).expect("a request")).await;
        problem(&answer, StatusCode::METHOD_NOT_ALLOWED, method.as_str());
        let allow = header(&answer, "allow");
        assert!(
            allow.contains("GET") && allow.contains("HEAD") && allow.contains("POST"),
            "{allow}"
        );
    }
}

#[tokio::test]
async fn bodies_have_bounds_and_types() {
    let post = async |content_type: &str, body: String| {
        let ask = request(Method::POST, "api.radiodeck.localhost", "/json/stations/search")
            .header("content-type", content_type);
        deck().send(ask.body(body).expect("a request")).await
    };
    let large = post("application/json", format!("{{\"name\": \"{}\"}}", "x".repeat(70_000))).await;
    problem(&large, StatusCode::PAYLOAD_TOO_LARGE, "70 KB");
    let text = post("text/plain", "name=x".into()).await;
    problem(&text, StatusCode::UNSUPPORTED_MEDIA_TYPE, "text");
    let broken = post("application/json", "{\"name\": ".into()).await;
    problem(&broken, StatusCode::BAD_REQUEST, "half an object");
    let nested = post("application/json", "{\"name\": {\"a\": 1}}".into()).await;
    assert_eq!(problem(&nested, StatusCode::BAD_REQUEST, "nested"), "name");
}

#[tokio::test]
async fn the_site_answers_mistakes_with_pages() {
    let long = "x".repeat(20_000);
    for (path, expected) in [
        ("/nowhere".to_owned(), StatusCode::NOT_FOUND),
        ("/station/no-uuid".to_owned(), StatusCode::BAD_REQUEST),
        (
            "/station/00000000-0000-4000-8000-000000000000".to_owned(),
            StatusCode::NOT_FOUND,
        ),
        ("/search?page=abc".to_owned(), StatusCode::BAD_REQUEST),
        (format!("/search?q={long}"), StatusCode::BAD_REQUEST),
        ("/search?q=%00".to_owned(), StatusCode::BAD_REQUEST),
        (
            format!("/station/{}/click", crate::support::COMPLETE),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
    ] {
        let answer = deck().site(&path).await;
        assert_eq!(answer.status(), expected, "{}", &path[..path.len().min(60)]);
        assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
        assert!(answer.body().contains("Back to the stations"), "{}", answer.body());
    }
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_process_lives() {
    let huge = format!("GET /?{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(200_000));
    for raw in [
        b"GET /a\0b HTTP/1.1\r\nhost: api.x\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /json/stats HTTP/1.1\r\nhost: api.x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        b"GET / HTTP/1.1\r\nhost: \xff\xfe\r\n\r\n",
        huge.as_bytes(),
    ] {
        let mut stream = TcpStream::connect(deck().address).await.expect("connects");
        // The server may answer and close before all is written.
        let _refused_early = stream.write_all(raw).await;
        let mut answer = [0; 16];
        let read = timeout(DEADLINE, stream.read(&mut answer))
            .await
            .expect("an answer or the end");
        if let Ok(bytes @ 13..) = read {
            let status = &answer[9..12];
            assert!(
                matches!(status, b"400" | b"414" | b"431" | b"200"),
                "{:?}",
                &answer[..bytes]
            );
        }
    }
    tokio::time::sleep(Duration::ZERO).await;
    assert_eq!(deck().api("/json/stats").await.status(), StatusCode::OK);
}
