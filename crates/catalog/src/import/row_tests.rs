//! Rows as they come, good and bad.

use serde_json::{Map, json};

use super::*;

const ID: &str = "962cc6df-0601-11e8-ae97-52543be04c81";

fn parse(changes: &Value) -> Result<Row, Reason> {
    let mut object: Map<String, Value> = Map::new();
    object.insert("stationuuid".into(), ID.into());
    object.insert("name".into(), "Radio".into());
    object.insert("url".into(), "http://a/".into());
    for (field, value) in changes.as_object().expect("an object") {
        object.insert(field.clone(), value.clone());
    }
    Row::parse(1, Value::Object(object).to_string().as_bytes())
}

#[test]
fn three_fields_make_a_station() {
    let row = parse(&json!({})).expect("a row");
    assert_eq!(
        (row.name.as_str(), row.url.as_str(), row.lastcheckok),
        ("Radio", "http://a/", true)
    );
    assert_eq!(row.changeuuid, row.stationuuid);
    assert_eq!(row.original, None);
}

#[test]
fn dirt_is_cleaned_and_kept() {
    let row = parse(&json!({
        "name": "\tRadio ", "tags": "Jazz,jazz", "countrycode": "si", "bitrate": 128000, "votes": "7",
        "geo_lat": 46.05, "geo_long": null, "homepage": "hthttps://x", "lastcheckok": 0, "hls": true,
    }))
    .expect("a row");
    assert_eq!(
        (row.name.as_str(), row.tags.as_str(), row.countrycode.as_str()),
        ("Radio", "jazz", "SI")
    );
    assert_eq!(
        (row.bitrate, row.votes, row.geo_lat, row.geo_long),
        (128, 7, None, None)
    );
    assert_eq!((row.homepage.as_str(), row.lastcheckok, row.hls), ("", false, true));
    let original: Value = serde_json::from_str(&row.original.expect("something")).expect("JSON");
    assert_eq!(
        original,
        json!({
            "name": "\tRadio ", "tags": "Jazz,jazz", "countrycode": "si", "bitrate": 128000,
            "geo_lat": 46.05, "geo_long": null, "homepage": "hthttps://x",
        })
    );
}

#[test]
fn counts_are_cut_off_where_counting_on_still_fits() {
    let row = parse(&json!({"votes": i32::MAX, "clickcount": "9000000000000000000", "clicktrend": i64::MIN}));
    let row = row.expect("a row");
    assert_eq!(
        (row.votes, row.clickcount, row.clicktrend),
        (1_000_000_000, 1_000_000_000, -1_000_000_000)
    );
    let original: Value = serde_json::from_str(&row.original.expect("something")).expect("JSON");
    assert_eq!(
        original,
        json!({"votes": i32::MAX, "clickcount": "9000000000000000000", "clicktrend": i64::MIN})
    );
}

#[test]
fn of_a_long_original_only_the_beginning_is_kept() {
    let long = format!("\0{}", "č".repeat(200_000));
    let row = parse(&json!({"name": long, "tags": long, "homepage": long})).expect("a row");
    assert!(row.bytes() < 8_000, "{}", row.bytes());
    let original: Value = serde_json::from_str(&row.original.expect("something")).expect("JSON");
    let kept = original["homepage"].as_str().expect("a text");
    assert!(kept.starts_with("\u{fffd}čč") && kept.len() <= 1_002, "{kept}");
}

#[test]
fn bad_rows_say_which_field_is_wrong_and_how() {
    for (changes, reason) in [
        (json!({"stationuuid": "7"}), "stationuuid: not a UUID"),
        (json!({"stationuuid": null}), "stationuuid: is missing"),
        (json!({"name": " \t"}), "name: is empty"),
        (json!({"name": 5}), "name: not a text"),
        (json!({"url": ""}), "url: is empty"),
        (
            json!({"url": "javascript:alert(1)"}),
            "url: is no http or https address",
        ),
        (json!({"votes": "many"}), "votes: not a whole number"),
        (json!({"votes": 1.5}), "votes: not a whole number"),
        (json!({"hls": 2}), "hls: neither true nor false"),
        (json!({"geo_lat": "north"}), "geo_lat: not a number"),
        (json!({"lastchangetime": "soon"}), "lastchangetime: not a time"),
        (json!({"tags": ["a"]}), "tags: not a text"),
    ] {
        assert_eq!(parse(&changes).expect_err("bad"), reason, "{changes}");
    }
    assert_eq!(Row::parse(1, b"[1]").expect_err("bad"), "not a JSON object");
    assert_eq!(Row::parse(1, b"{\"a\xff\":1}").expect_err("bad"), "not UTF-8 at byte 4");
    assert!(Row::parse(1, b"{").expect_err("bad").starts_with("not JSON: "));
}
