//! A few stations that differ in everything, and ways to ask for them.

use catalog::TextMatch;
use serde_json::{Value, json};

use crate::support::station;

pub(crate) fn contains(text: &str) -> Option<TextMatch> {
    Some(TextMatch::Contains(text.into()))
}

pub(crate) fn exact(text: &str) -> Option<TextMatch> {
    Some(TextMatch::Exact(text.into()))
}

pub(crate) fn some() -> Vec<Value> {
    vec![
        station(
            1,
            "Radio Études",
            &json!({
                "tags": "jazz,smooth jazz", "country": "France", "countrycode": "FR", "state": "Île-de-France",
                "language": "french", "languagecodes": "fr", "codec": "MP3", "bitrate": 128, "votes": 5, "clickcount": 1,
                "clicktrend": -3, "lastchangetime": "2024-01-03 00:00:00", "geo_lat": 48.8, "geo_long": 2.3,
            }),
        ),
        station(
            2,
            "100% Pop",
            &json!({
                "tags": "pop", "country": "Germany", "countrycode": "DE", "state": "Bayern", "language": "german",
                "languagecodes": "de", "codec": "AAC+", "bitrate": 64, "votes": 9, "clickcount": 7, "clicktrend": 4,
                "lastchangetime": "2024-01-01 00:00:00", "lastcheckok": 0, "url": "https://pop.test/",
                "clicktimestamp": "2024-02-01 00:00:00", "lastchecktime": "2024-02-02 00:00:00",
            }),
        ),
        station(
            3,
            "radio etudes zwei",
            &json!({
                "tags": "jazz,pop_rock", "country": "Germany", "countrycode": "DE", "language": "german,english",
                "languagecodes": "de,en", "codec": "mp3", "bitrate": 320, "votes": 5, "homepage": "http://z.test/",
            }),
        ),
        station(
            4,
            "Зимняя Jazz 1000",
            &json!({"tags": "acid jazz", "country": "Russia", "votes": 0}),
        ),
    ]
}
