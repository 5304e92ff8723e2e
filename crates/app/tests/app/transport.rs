//! How answers of the API travel: lengths and pieces, HEAD, other origins.

use http::{Method, StatusCode};
use serde_json::Value;

use crate::support::{FILLERS, deck, header, request};

#[tokio::test]
async fn a_long_list_comes_in_pieces_and_a_short_one_with_its_length() {
    let long = deck().api("/json/stations/bycountryexact/Fillerland").await;
    assert_eq!(header(&long, "transfer-encoding"), "chunked");
    let list: Value = serde_json::from_str(long.body()).expect("a whole list");
    assert_eq!(list.as_array().expect("a list").len(), FILLERS);
    let short = deck().api("/json/stations/topvote/3").await;
    assert_eq!(header(&short, "content-length"), short.body().len().to_string());
}

#[tokio::test]
async fn head_tells_what_get_would() {
    for path in [
        "/json/stations/topvote/3",
        "/xml/countries",
        "/json/stats",
        "/json/nothing",
    ] {
        let get = deck().api(path).await;
        let ask = request(Method::HEAD, "api.radiodeck.localhost", path);
        let head = deck().send(ask.body(String::new()).expect("a request")).await;
        assert_eq!(head.status(), get.status(), "{path}");
        assert!(head.body().is_empty(), "{path}");
        for name in ["content-type", "content-length", "cache-control", "vary"] {
            assert_eq!(header(&head, name), header(&get, name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn head_on_a_long_list_needs_no_more_than_its_beginning() {
    for format in ["json", "xml"] {
        let path = format!("/{format}/stations/bycountryexact/Fillerland");
        let get = deck().api(&path).await;
        let ask = request(Method::HEAD, "api.radiodeck.localhost", &path);
        let head = deck().send(ask.body(String::new()).expect("a request")).await;
        assert_eq!(head.status(), StatusCode::OK, "{path}");
        assert!(head.body().is_empty(), "{path}");
        assert_eq!(header(&head, "content-length"), "", "{path}: nobody counted");
        for name in ["content-type", "cache-control", "vary"] {
            assert_eq!(header(&head, name), header(&get, name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn any_origin_may_ask() {
    for (method, path, expected) in [
        (Method::OPTIONS, "/json/stations/search", StatusCode::NO_CONTENT),
        (Method::GET, "/json/stats", StatusCode::OK),
        (Method::GET, "/json/stations?limit=abc", StatusCode::BAD_REQUEST),
    ] {
        let ask = request(method.clone(), "api.radiodeck.localhost", path)
            .header("origin", "https://somewhere.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let answer = deck().send(ask.body(String::new()).expect("a request")).await;
        assert_eq!(answer.status(), expected, "{method} {path}");
        assert_eq!(header(&answer, "access-control-allow-origin"), "*", "{method} {path}");
        if method == Method::OPTIONS {
            assert!(header(&answer, "access-control-allow-methods").contains("POST"));
            assert_eq!(header(&answer, "access-control-allow-headers"), "*");
        }
    }
}

#[tokio::test]
async fn the_root_shows_the_way() {
    let answer = deck().api("/").await;
    let map: Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(map["try"]["stats"], "http://api.radiodeck.localhost/json/stats");
    assert_eq!(map["about"], "http://www.radiodeck.localhost/about");
}
