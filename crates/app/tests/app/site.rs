//! The site as a browser without JavaScript meets it.

use http::{Method, Response, StatusCode};

use crate::support::{COMPLETE, HOSTILE, INSTANCE, ODD, deck, header, request, until};

async fn page(path: &str) -> Response<String> {
    let answer = deck().site(path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", answer.body());
    assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8", "{path}");
    answer
}

async fn post(path: &str, headers: &[(&str, &str)]) -> Response<String> {
    let mut ask = request(Method::POST, "www.radiodeck.localhost", path);
    for (name, value) in headers {
        ask = ask.header(*name, *value);
    }
    deck().send(ask.body(String::new()).expect("a request")).await
}

#[tokio::test]
async fn the_home_page_has_stations_genres_and_countries() {
    let home = page("/").await;
    assert!(home.body().contains("Complete Radio"), "{}", home.body());
    assert!(home.body().contains("/search?country=Fillerland"), "{}", home.body());
    assert!(home.body().contains("/search?tag="), "{}", home.body());
    assert!(home.body().contains(&format!("Served by <strong>{INSTANCE}</strong>")));
    assert_eq!(header(&home, "x-served-by"), INSTANCE);
}

#[tokio::test]
async fn nothing_inline_runs_and_strangers_are_kept_out() {
    for path in ["/", "/search", "/about", "/nowhere", &format!("/station/{HOSTILE}")] {
        let answer = deck().site(path).await;
        let csp = header(&answer, "content-security-policy");
        assert!(
            csp.contains("script-src 'self'") && !csp.contains("unsafe"),
            "{path}: {csp}"
        );
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&answer, "referrer-policy"), "same-origin", "{path}");
        let html = answer.body();
        assert!(!html.contains(" style="), "{path}");
        assert!(!html.contains("<script>") && !html.contains("javascript:"), "{path}");
        for (at, _) in html.match_indices(" on") {
            let attribute: String = html[at + 1..].chars().take_while(char::is_ascii_alphabetic).collect();
            assert!(
                !html[at + 1 + attribute.len()..].starts_with("=\""),
                "{path}: {attribute}"
            );
        }
        // The browser fetches nothing from anybody but us, except sound.
        for marker in [
            "<img",
            "<link rel=\"stylesheet\" href=\"http",
            "<script src=\"http",
            "<iframe",
        ] {
            assert!(!html.contains(marker), "{path}: {marker}");
        }
    }
}

#[tokio::test]
async fn hostile_text_is_shown_and_does_nothing() {
    let html = page(&format!("/station/{HOSTILE}")).await.into_body();
    assert!(!html.contains("<script>alert"), "{html}");
    assert!(
        html.contains("&#60;script&#62;alert(1)") || html.contains("&lt;script&gt;alert(1)"),
        "{html}"
    );
    assert!(!html.contains("<i>North</i>"), "{html}");
    let odd = page(&format!("/station/{ODD}")).await;
    assert!(odd.body().contains("dir=\"auto\""));
}

#[tokio::test]
async fn a_station_page_plays_and_tells_all() {
    let html = page(&format!("/station/{COMPLETE}")).await.into_body();
    assert!(
        html.contains("<audio class=\"without-js\" controls preload=\"none\" src=\"http://complete.example/stream\">")
    );
    assert!(html.contains("href=\"https://complete.example/\" rel=\"noopener nofollow external\""));
    assert!(html.contains("href=\"/search?tag=classical\""));
    assert!(html.contains("href=\"/search?country=Slovenia\""));
    assert!(html.contains("href=\"/search?language=slovenian\""));
    assert!(
        html.contains("<time datetime=\"2025-02-27T01:14:59Z\">27 February 2025, 01:14 UTC</time>"),
        "{html}"
    );
    assert!(html.contains("MP3 192"));
    assert!(
        html.contains("Nearby on the dial"),
        "a station with the tag jazz is near"
    );
}

#[tokio::test]
async fn search_counts_pages_and_helps() {
    let first = page("/search?q=filler").await.into_body();
    assert!(first.contains("1,300 stations, page 1 of 55"), "{first}");
    assert!(
        first.contains("href=\"/search?q=filler&#38;page=2\"")
            || first.contains("href=\"/search?q=filler&amp;page=2\""),
        "{first}"
    );
    assert!(!first.contains("Previous page"));
    let last = page("/search?q=filler&page=55").await.into_body();
    assert!(last.contains("Previous page") && !last.contains("Next page"));
    let beyond = page("/search?q=filler&page=56").await.into_body();
    assert!(beyond.contains("Past the end of the band"));
    let one = page("/search?q=complete&country=Slovenia&language=slovenian&tag=Jazz")
        .await
        .into_body();
    assert!(one.contains("One station"), "{one}");
    assert!(one.contains("<option value=\"Slovenia\" selected>"));
    let none = page("/search?q=%3Cb%3Enobody").await.into_body();
    assert!(
        none.contains("0 stations") && none.contains("Only static here"),
        "{none}"
    );
    assert!(!none.contains("<b>nobody"));
}

#[tokio::test]
async fn what_others_put_into_a_link_does_not_stop_a_search() {
    let long = "x".repeat(20_000);
    let html = page(&format!("/search?q=filler&page=&utm={long}&b=%00"))
        .await
        .into_body();
    assert!(html.contains("1,300 stations, page 1 of 55"), "{html}");
}

#[tokio::test]
async fn the_play_button_of_the_deck_tells_its_state_once() {
    let html = page("/").await.into_body();
    let (_, deck) = html.split_once("<button id=\"deck-play\"").expect("the deck's button");
    let (button, _) = deck.split_once('>').expect("its end");
    assert!(button.contains("aria-label=\"Play\""), "{button}");
    assert!(!button.contains("aria-pressed"), "{button}");
}

#[tokio::test]
async fn a_vote_comes_back_to_the_page_and_counts_once() {
    let uuid = "f1111111-0000-4000-8000-000000000011";
    let path = format!("/station/{uuid}/vote");
    let ours = [
        ("origin", "http://www.radiodeck.localhost"),
        ("sec-fetch-site", "same-origin"),
        ("x-forwarded-for", "203.0.113.20"),
    ];
    let first = post(&path, &ours).await;
    assert_eq!(first.status(), StatusCode::SEE_OTHER, "{}", first.body());
    assert_eq!(header(&first, "location"), format!("/station/{uuid}?vote=counted#vote"));
    let again = post(&path, &ours).await;
    assert_eq!(header(&again, "location"), format!("/station/{uuid}?vote=again#vote"));
    let html = page(&format!("/station/{uuid}?vote=again")).await.into_body();
    assert!(html.contains("within the last 24 hours"));
}

#[tokio::test]
async fn forms_of_other_sites_change_nothing() {
    let path = "/station/f1111111-0000-4000-8000-000000000012/vote";
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", "null")],
    ] {
        let answer = post(path, headers).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{headers:?}");
        assert!(answer.body().contains("<!doctype html>"));
    }
    let answer = deck()
        .api("/json/stations/byuuid/f1111111-0000-4000-8000-000000000012")
        .await;
    assert!(answer.body().contains("\"votes\":0"), "{}", answer.body());
}

#[tokio::test]
async fn playing_counts_a_click() {
    let uuid = "f1111111-0000-4000-8000-000000000013";
    let answer = post(
        &format!("/station/{uuid}/click"),
        &[("x-forwarded-for", "203.0.113.21")],
    )
    .await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{}", answer.body());
    until("the click is written", async || {
        let answer = deck().api(&format!("/json/stations/byuuid/{uuid}")).await;
        answer.body().contains("\"clickcount\":1")
    })
    .await;
}

#[tokio::test]
async fn the_about_page_names_the_api_as_this_visitor_reaches_it() {
    let ask = request(Method::GET, "www.radiodeck.si:8443", "/about").header("x-forwarded-proto", "https");
    let answer = deck().send(ask.body(String::new()).expect("a request")).await;
    assert!(
        answer
            .body()
            .contains("https://api.radiodeck.si:8443/json/stations/topvote/10"),
        "{}",
        answer.body()
    );
}
