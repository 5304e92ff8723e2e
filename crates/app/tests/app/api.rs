//! What the API answers to well-formed questions.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{BROKEN, COMPLETE, FILLERS, HOSTILE, ODD, STARTER, deck, header, request};

async fn json(path: &str) -> Value {
    let answer = deck().api(path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", answer.body());
    assert_eq!(header(&answer, "content-type"), "application/json", "{path}");
    serde_json::from_str(answer.body()).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body()))
}

async fn names(path: &str) -> Vec<String> {
    let list = json(path).await;
    let name = |row: &Value| row["name"].as_str().expect("a name").to_owned();
    list.as_array().expect("a list").iter().map(name).collect()
}

#[tokio::test]
async fn a_station_has_every_field_of_the_protocol_with_its_type() {
    let list = json(&format!("/json/stations/byuuid/{COMPLETE}")).await;
    let mut station = list[0].clone();
    let change = station["changeuuid"].as_str().expect("a text").to_owned();
    assert_eq!(change.len(), 36);
    station["changeuuid"] = Value::Null;
    assert_eq!(
        station,
        json!({
            "changeuuid": null, "stationuuid": COMPLETE, "serveruuid": "629e3689-1876-437e-8177-f4e9c5713082",
            "name": "Complete Radio", "url": "http://complete.example/listen.pls",
            "url_resolved": "http://complete.example/stream", "homepage": "https://complete.example/",
            "favicon": "https://complete.example/logo.png", "tags": "classical,jazz", "country": "Slovenia",
            "countrycode": "SI", "iso_3166_2": "SI-061", "state": "Ljubljana", "language": "slovenian",
            "languagecodes": "sl", "votes": 99,
            "lastchangetime": "2024-12-09 17:24:25", "lastchangetime_iso8601": "2024-12-09T17:24:25Z",
            "codec": "MP3", "bitrate": 192, "hls": 0, "lastcheckok": 1,
            "lastchecktime": "2025-02-27 01:14:59", "lastchecktime_iso8601": "2025-02-27T01:14:59Z",
            "lastcheckoktime": "2025-02-27 01:14:59", "lastcheckoktime_iso8601": "2025-02-27T01:14:59Z",
            "lastlocalchecktime": "2025-02-26 19:29:18", "lastlocalchecktime_iso8601": "2025-02-26T19:29:18Z",
            "clicktimestamp": "2025-02-27 12:09:40", "clicktimestamp_iso8601": "2025-02-27T12:09:40Z",
            "clickcount": 84, "clicktrend": -12, "ssl_error": 0, "geo_lat": 46.05, "geo_long": 14.5,
            "geo_distance": null, "has_extended_info": false,
        })
    );
}

#[tokio::test]
async fn what_is_unknown_is_null_or_empty_as_clients_expect() {
    let list = json(&format!("/json/stations/byuuid/{ODD}")).await;
    let station = &list[0];
    for text in [
        "tags",
        "languagecodes",
        "favicon",
        "homepage",
        "codec",
        "clicktimestamp",
        "lastlocalchecktime",
    ] {
        assert!(station[text].is_string(), "{text}: {station}");
    }
    for null in [
        "serveruuid",
        "iso_3166_2",
        "clicktimestamp_iso8601",
        "geo_lat",
        "geo_long",
        "geo_distance",
    ] {
        assert!(station[null].is_null(), "{null}: {station}");
    }
    assert_eq!(station["clicktimestamp"], "");
    assert_eq!(station["ssl_error"], 0);
}

#[tokio::test]
async fn stations_are_found_by_each_thing_they_have_in_common() {
    for (path, expected) in [
        ("/json/stations/byname/complete", true),
        ("/json/stations/bynameexact/complete%20radio", true),
        ("/json/stations/bynameexact/complete", false),
        ("/json/stations/bycodecexact/mp3?limit=-1", true),
        ("/json/stations/bycodec/mp?limit=-1", true),
        ("/json/stations/bycountry/loveni?limit=-1", true),
        ("/json/stations/bycountryexact/slovenia?limit=-1", true),
        ("/json/stations/bycountryexact/sloven?limit=-1", false),
        ("/json/stations/bycountrycodeexact/si?limit=-1", true),
        ("/json/stations/bystate/ljub", true),
        ("/json/stations/bystateexact/ljubljana", true),
        ("/json/stations/bylanguage/sloven?limit=-1", true),
        ("/json/stations/bylanguageexact/slovenian?limit=-1", true),
        ("/json/stations/bytag/classic?limit=-1", true),
        ("/json/stations/bytagexact/classical?limit=-1", true),
        ("/json/stations/bytagexact/classic?limit=-1", false),
        (
            "/json/stations/byurl?url=http%3A%2F%2Fcomplete.example%2Flisten.pls",
            true,
        ),
        (
            "/json/stations/search?name=complete&country=slov&tagList=jazz,classical&bitrateMin=100&codec=mp3",
            true,
        ),
        ("/json/stations/search?name=complete&bitrate_max=100", false),
        ("/json/stations/search?name=complete&isHttps=true", false),
        ("/json/stations/search?name=complete&has_geo_info=1", true),
        ("/json/stations/search?name=complete&has_extended_info=true", false),
        ("/json/stations/search?name=complete&tag=jaz&tagExact=true", false),
        ("/json/stations/search?name=complete&tagList=jazz,blues", false),
    ] {
        let found = names(path).await.iter().any(|name| name == "Complete Radio");
        assert_eq!(found, expected, "{path}");
    }
}

#[tokio::test]
async fn wildcards_of_sql_are_plain_letters() {
    assert_eq!(names("/json/stations/byname/100%25_").await.len(), 1);
    assert_eq!(names("/json/stations/bytagexact/100%25").await.len(), 1);
    assert!(names("/json/stations/byname/Complete%25Radio").await.is_empty());
}

#[tokio::test]
async fn an_empty_term_is_everything_and_nothing_is_redirected() {
    for path in [
        "/json/stations/bytag/",
        "/json/stations/byname",
        "/json/stations/",
        "/json/stations/search",
    ] {
        assert_eq!(
            names(&format!("{path}?country=&limit=3&offset=2")).await.len(),
            3,
            "{path}"
        );
    }
}

#[tokio::test]
async fn slashes_at_the_end_of_a_path_change_nothing() {
    for path in [
        "/json/stations/search",
        "/json/stations/byname/complete",
        "/json/stations/bycountrycodeexact/tl",
        "/json/stations/topvote/3",
        "/json/states/testland/sou",
        "/json/countries/testland",
        "/json/servers",
    ] {
        let bare = json(&format!("{path}?limit=3")).await;
        assert_ne!(bare, json!([]), "{path}");
        for slashes in ["/", "//"] {
            assert_eq!(json(&format!("{path}{slashes}?limit=3")).await, bare, "{path}{slashes}");
        }
    }
    assert_eq!(json("/json/stats/").await["status"], "OK");
    let within = json("/json/states/testland/").await;
    assert_eq!(within.as_array().map(Vec::len), Some(2), "every state of a country");
    assert_eq!(json("/json/states/testland").await, json!([]), "no state is called so");
}

#[tokio::test]
async fn the_only_server_is_the_host_that_was_asked() {
    let ask = request(Method::GET, "api.radiodeck.si:8443", "/json/servers");
    let answer = deck().send(ask.body(String::new()).expect("a request")).await;
    assert_eq!(
        serde_json::from_str::<Value>(answer.body()).expect("JSON"),
        json!([{"ip": "api.radiodeck.si", "name": "api.radiodeck.si"}])
    );
}

#[tokio::test]
async fn keys_and_orders_are_understood_in_any_spelling() {
    let by_votes = names("/json/stations?ORDER=Votes&Reverse=TRUE&limit=5").await;
    assert_eq!(by_votes, names("/json/stations/topvote/5").await);
    assert_eq!(
        names("/json/stations?order=click_count&reverse=true&limit=5").await,
        names("/json/stations/topclick/5").await
    );
    assert_eq!(
        names("/json/stations?order=of_the_future&limit=5").await,
        names("/json/stations?order=name&limit=5").await
    );
}

#[tokio::test]
async fn lists_of_the_first_ones_have_their_length() {
    for path in ["topclick", "topvote", "lastclick", "lastchange"] {
        assert_eq!(names(&format!("/json/stations/{path}/7")).await.len(), 7, "{path}");
        assert_eq!(
            names(&format!("/json/stations/{path}?limit=4")).await.len(),
            4,
            "{path}"
        );
    }
    assert!(names("/json/stations/topvote/0").await.is_empty());
    assert_eq!(names("/json/stations/broken").await, ["Silent FM"]);
}

#[tokio::test]
async fn broken_stations_can_be_left_out() {
    assert_eq!(names("/json/stations/byname/silent").await, ["Silent FM"]);
    assert!(names("/json/stations/byname/silent?hidebroken=true").await.is_empty());
}

#[tokio::test]
async fn many_ids_are_asked_for_at_once_and_unknown_ones_left_out() {
    let upper = COMPLETE.to_uppercase();
    let path = format!("/json/stations/byuuid?uuids={upper},{BROKEN},00000000-0000-4000-8000-000000000000");
    assert_eq!(names(&path).await.len(), 2);
    assert!(names("/json/stations/byuuid?uuids=").await.is_empty());
    // Of 36 characters each, twenty are longer than a term may be; spaces and empty places do not matter.
    let many: Vec<String> = (0..20).map(|n| format!("f1111111-0000-4000-8000-{n:012}")).collect();
    let in_path = names(&format!("/json/stations/byuuid/{},%20,{upper},", many.join(","))).await;
    assert_eq!(in_path.len(), 21);
    let in_query = names(&format!("/json/stations/byuuid?uuids={},%20,{upper},", many.join(","))).await;
    assert_eq!(in_path, in_query);
    assert!(
        names("/json/stations/byuuid/00000000-0000-4000-8000-000000000000")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn parameters_in_a_body_override_the_query() {
    for (content_type, body) in [
        (
            "application/x-www-form-urlencoded",
            "name=complete+radio&nameExact=true",
        ),
        (
            "application/json",
            r#"{"name": "Complete Radio", "name_exact": true, "tagList": ["jazz"], "limit": 10.0}"#,
        ),
    ] {
        let request = request(
            Method::POST,
            "api.radiodeck.localhost",
            "/json/stations/search?name=silent",
        )
        .header("content-type", content_type)
        .body(body.to_owned())
        .expect("a request");
        let answer = deck().send(request).await;
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.body());
        let list: Value = serde_json::from_str(answer.body()).expect("JSON");
        assert_eq!(list.as_array().expect("a list").len(), 1, "{list}");
        assert_eq!(list[0]["stationuuid"], COMPLETE);
    }
}

#[tokio::test]
async fn categories_have_their_fields_and_order() {
    let countries = json("/json/countries/testland").await;
    assert_eq!(
        countries,
        json!([{"name": "Testland", "iso_3166_1": "TL", "stationcount": 3}])
    );
    let hidden = json("/json/countries/testland?hidebroken=true").await;
    assert_eq!(hidden[0]["stationcount"], 2);
    let codes = json("/json/countrycodes/tl").await;
    assert_eq!(codes, json!([{"name": "TL", "stationcount": 3}]));
    let states = json("/json/states/testland/").await;
    assert_eq!(
        states,
        json!([
            {"name": "<i>North</i>", "country": "Testland", "stationcount": 1},
            {"name": "South", "country": "Testland", "stationcount": 1},
        ])
    );
    assert_eq!(
        json("/json/states/testland/sou")
            .await
            .as_array()
            .expect("a list")
            .len(),
        1
    );
    let language = json("/json/languages/slovenian").await;
    assert_eq!(language[0]["name"], "slovenian");
    assert!(language[0].get("iso_639").is_some(), "{language}");
    let codecs = json("/json/codecs?order=station_count&reverse=true&limit=1").await;
    assert_eq!(codecs.as_array().expect("a list").len(), 1);
    assert!(codecs[0]["stationcount"].as_i64().expect("a number") > 1);
    assert_eq!(json("/json/tags/a_b").await[0]["name"], "a_b");
}

#[tokio::test]
async fn totals_are_numbers() {
    let stats = json("/json/stats").await;
    assert_eq!(stats["supported_version"], 1);
    assert_eq!(stats["status"], "OK");
    let starter = STARTER.lines().filter(|line| !line.trim().is_empty()).count();
    assert_eq!(stats["stations"], starter + FILLERS + 3);
    assert_eq!(stats["stations_broken"], 1);
    for count in ["tags", "clicks_last_hour", "clicks_last_day", "languages", "countries"] {
        assert!(stats[count].is_u64(), "{count}: {stats}");
    }
}

#[tokio::test]
async fn hostile_names_are_only_names() {
    let list = json(&format!("/json/stations/byuuid/{HOSTILE}")).await;
    assert_eq!(list[0]["name"], crate::support::HOSTILE_NAME);
}
