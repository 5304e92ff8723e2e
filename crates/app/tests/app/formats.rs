//! JSON or XML, and that both are what they say.

use http::{Method, StatusCode};
use quick_xml::events::Event;
use quick_xml::reader::Reader;
use serde_json::Value;

use crate::support::{HOSTILE, HOSTILE_NAME, ODD, deck, header, request};

/// Name and attributes of each element within the root; panics when the
/// document is not well-formed.
fn elements(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut found = Vec::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
            Event::Empty(element) => {
                let attributes = element.attributes().map(|attribute| {
                    let attribute = attribute.unwrap_or_else(|error| panic!("{error}: {text}"));
                    let key = attribute.key.as_ref().to_owned();
                    (
                        key,
                        quick_xml::escape::unescape(&attribute.value)
                            .expect("escaped")
                            .into_owned(),
                    )
                });
                let attributes = attributes.collect();
                found.push((element.name().as_ref().to_owned(), attributes));
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

async fn accepting(path: &str, accept: &str) -> http::Response<String> {
    let ask = request(Method::GET, "api.radiodeck.localhost", path).header("accept", accept);
    deck().send(ask.body(String::new()).expect("a request")).await
}

#[tokio::test]
async fn xml_says_the_same_as_json_with_nulls_left_out() {
    let path = format!("stations/byuuid?uuids={HOSTILE},{ODD}&order=name");
    let xml = deck().api(&format!("/xml/{path}")).await;
    assert_eq!(header(&xml, "content-type"), "text/xml; charset=utf-8");
    let json = deck().api(&format!("/json/{path}")).await;
    let json: Vec<Value> = serde_json::from_str(json.body()).expect("JSON");
    let elements = elements(xml.body());
    assert_eq!(elements.len(), json.len());
    for ((element, attributes), station) in elements.iter().zip(&json) {
        assert_eq!(element, "station");
        let object = station.as_object().expect("an object");
        assert_eq!(
            attributes.len(),
            object.values().filter(|value| !value.is_null()).count()
        );
        for (name, text) in attributes {
            let expected = match &object[name] {
                // What XML 1.0 cannot hold is dropped.
                Value::String(text) => text.replace(['\u{1}', '\u{7}'], ""),
                other => other.to_string(),
            };
            assert_eq!(*text, expected, "{name}");
        }
    }
    let names: Vec<&str> = json.iter().filter_map(|s| s["name"].as_str()).collect();
    assert!(names.contains(&HOSTILE_NAME), "{names:?}");
}

#[tokio::test]
async fn each_list_and_thing_is_well_formed_xml() {
    for (path, element) in [
        ("/xml/stations?limit=-1", "station"),
        ("/xml/tags", "tag"),
        ("/xml/countries", "country"),
        ("/xml/countrycodes", "countrycode"),
        ("/xml/languages", "language"),
        ("/xml/codecs", "codec"),
        ("/xml/states", "state"),
        ("/xml/stats", "stats"),
    ] {
        let answer = deck().api(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", answer.body());
        assert!(answer.body().contains("<result>"), "{path}");
        let elements = elements(answer.body());
        assert!(!elements.is_empty(), "{path}");
        assert!(elements.iter().all(|(name, _)| name == element), "{path}");
    }
    let empty = deck().api("/xml/stations/byname/nobody-is-called-that").await;
    assert!(elements(empty.body()).is_empty());
}

#[tokio::test]
async fn accept_decides_where_the_path_does_not() {
    for (path, accept, expected) in [
        ("/stations?limit=1", "application/xml", "application/xml; charset=utf-8"),
        (
            "/stations?limit=1",
            "text/xml;q=0.9, application/json;q=0.5",
            "text/xml; charset=utf-8",
        ),
        (
            "/stations?limit=1",
            "application/json, application/xml;q=0.9",
            "application/json",
        ),
        ("/stations/topvote/1", "*/*", "application/json"),
        ("/stats", "application/xml", "application/xml; charset=utf-8"),
        (
            "/json/stations?limit=1",
            "application/xml",
            "application/xml; charset=utf-8",
        ),
        ("/json/stations?limit=1", "application/xml, */*", "application/json"),
        ("/xml/stations?limit=1", "application/json", "text/xml; charset=utf-8"),
    ] {
        let answer = accepting(path, accept).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path} {accept}");
        assert_eq!(header(&answer, "content-type"), expected, "{path} {accept}");
        assert_eq!(header(&answer, "vary"), "Accept", "{path} {accept}");
    }
    let refused = accepting("/stations?limit=1", "image/png").await;
    assert_eq!(refused.status(), StatusCode::NOT_ACCEPTABLE);
    assert_eq!(header(&refused, "content-type"), "application/problem+json");
}

#[tokio::test]
async fn lists_may_be_kept_for_a_moment_and_random_ones_not() {
    assert_eq!(
        header(&deck().api("/json/stations?limit=1").await, "cache-control"),
        "public, max-age=10"
    );
    assert_eq!(
        header(&deck().api("/json/tags").await, "cache-control"),
        "public, max-age=60"
    );
    assert_eq!(
        header(
            &deck().api("/json/stations?order=random&limit=1").await,
            "cache-control"
        ),
        "no-store"
    );
}
