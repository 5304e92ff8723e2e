//! Who has voted sees the vote, from replicas that are two seconds behind.

use http::{Method, Response, StatusCode};
use serde_json::Value;

use crate::support::{COMPLETE, Deck, header, request, until};

const API: &str = "api.radiodeck.localhost";
const WWW: &str = "www.radiodeck.localhost";
const TOKEN: &str = "radiodeck-consistency";

/// A primary, and a replica that is used and then made to lag.
async fn lagging(delay: &str) -> Deck {
    let deck = Deck::start(1).await;
    until("the replica is used and has the catalogue", async || {
        let sql = format!("select count(*) from radiodeck.stations where stationuuid = '{COMPLETE}'");
        let count = deck.cluster.superuser_sql("pg-2", "radiodeck", &sql).await;
        count.ok().as_deref() == Some("1") && deck.database.nodes()[1].role == catalog::NodeRole::Replica
    })
    .await;
    for sql in [
        &format!("alter system set recovery_min_apply_delay = '{delay}'"),
        "select pg_reload_conf()",
    ] {
        let done = deck.cluster.superuser_sql("pg-2", "radiodeck", sql).await;
        done.expect("the superuser may");
    }
    deck
}

async fn ask(deck: &Deck, method: Method, host: &str, path: &str, headers: &[(&str, &str)]) -> Response<String> {
    let mut ask = request(method, host, path);
    for (name, value) in headers {
        ask = ask.header(*name, *value);
    }
    deck.send(ask.body(String::new()).expect("a request")).await
}

/// Votes from an address of its own, and gives the token.
async fn vote(deck: &Deck, by: u8) -> String {
    let client = format!("203.0.113.{by}");
    let headers = [("x-forwarded-for", client.as_str())];
    let answer = ask(deck, Method::POST, API, &format!("/json/vote/{COMPLETE}"), &headers).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.body());
    let token = header(&answer, TOKEN);
    assert!(!token.is_empty(), "{:?}", answer.headers());
    token.to_owned()
}

async fn station(deck: &Deck, headers: &[(&str, &str)]) -> Response<String> {
    ask(
        deck,
        Method::GET,
        API,
        &format!("/json/stations/byuuid/{COMPLETE}"),
        headers,
    )
    .await
}

fn votes(answer: &Response<String>) -> i64 {
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.body());
    let list: Value = serde_json::from_str(answer.body()).expect("JSON");
    list[0]["votes"].as_i64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_is_seen_by_who_voted_every_time_and_no_shared_cache_keeps_it() {
    let deck = lagging("2s").await;
    let before = votes(&station(&deck, &[]).await);
    let mut stale = 0;
    for by in 1..=8 {
        let expected = before + i64::from(by);
        let mut token = vote(&deck, by).await;
        let others = station(&deck, &[]).await;
        stale += u32::from(votes(&others) < expected);
        assert_eq!(header(&others, TOKEN), "", "who never wrote gets none");
        assert_eq!(header(&others, "cache-control"), "public, max-age=10");
        for _ in 0..3 {
            let own = station(&deck, &[(TOKEN, &token)]).await;
            assert_eq!(votes(&own), expected, "every time");
            assert_eq!(header(&own, "cache-control"), "private, no-cache");
            let vary: Vec<_> = own.headers().get_all("vary").iter().collect();
            assert!(vary.iter().any(|name| *name == TOKEN), "{vary:?}");
            token = header(&own, TOKEN).to_owned();
        }
    }
    assert!(
        stale > 0,
        "all reads were fresh without a token: this test could not have failed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_carries_a_cookie_and_a_token_that_cannot_be_used_is_replaced() {
    let deck = lagging("2s").await;
    let before = votes(&station(&deck, &[]).await);
    let page = format!("/station/{COMPLETE}");
    assert_eq!(
        header(&deck.site(&page).await, "set-cookie"),
        "",
        "who never wrote gets none"
    );

    let https = [("x-forwarded-proto", "https"), ("x-forwarded-for", "203.0.113.50")];
    let voted = ask(&deck, Method::POST, WWW, &format!("{page}/vote"), &https).await;
    assert_eq!(voted.status(), StatusCode::SEE_OTHER, "{}", voted.body());
    let (cookie, attributes) = header(&voted, "set-cookie").split_once("; ").expect("attributes");
    assert_eq!(attributes, "Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
    let shown = format!("<dt>Votes</dt><dd>{}</dd>", before + 1);
    let own = ask(&deck, Method::GET, WWW, &page, &[("cookie", cookie)]).await;
    assert!(own.body().contains(&shown), "{}", own.body());
    let renewed = header(&own, "set-cookie");
    assert!(
        renewed.starts_with("radiodeck_consistency=") && !renewed.contains("Secure"),
        "{renewed}"
    );

    let good = vote(&deck, 51).await;
    let mut forged = good.clone().into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("ASCII");
    for bad in [&forged, "", "garbage", &good[1..]] {
        let answer = station(&deck, &[(TOKEN, bad)]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{bad}: {}", answer.body());
        let replaced = header(&answer, TOKEN);
        assert!(replaced.len() == good.len() && replaced != bad, "{bad}: {replaced}");
        let cookie = format!("radiodeck_consistency={bad}");
        let answer = ask(&deck, Method::GET, WWW, &page, &[("cookie", &cookie)]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{bad}: {}", answer.body());
        assert!(!header(&answer, "set-cookie").is_empty(), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_primary_a_token_that_nobody_can_meet_is_503_and_others_read_on() {
    let deck = lagging("1h").await;
    let token = vote(&deck, 1).await;
    deck.cluster.kill_node("pg-1").await.expect("killed");
    let cookie = format!("radiodeck_consistency={token}");
    for (host, path, carried) in [
        (
            API,
            format!("/json/stations/byuuid/{COMPLETE}"),
            (TOKEN, token.as_str()),
        ),
        (WWW, format!("/station/{COMPLETE}"), ("cookie", cookie.as_str())),
    ] {
        until("reads go on without a token", async || {
            ask(&deck, Method::GET, host, &path, &[]).await.status() == StatusCode::OK
        })
        .await;
        let refused = ask(&deck, Method::GET, host, &path, &[carried]).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body());
        assert!(!header(&refused, "retry-after").is_empty());
    }
}
