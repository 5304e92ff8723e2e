//! What must hold of any Radiodeck stack, however it was started: the process
//! stack and the compose stack are asked the same questions.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::{RData, RecordType};
use http::{Method, StatusCode};
use serde_json::Value;

use crate::http::{Answer, get, raw, send};
use crate::tls::Browser;
use crate::{dig, poll};

/// Where a balancer is asked.
#[derive(Debug, Clone, Copy)]
pub struct Balancer {
    /// In the clear.
    pub http: SocketAddr,
    /// With TLS.
    pub https: SocketAddr,
}

/// Where a stack's front doors are.
#[derive(Debug, Clone, Copy)]
pub struct Doors {
    /// The balancers.
    pub balancers: [Balancer; 2],
    /// The name server over UDP.
    pub dns_udp: SocketAddr,
    /// The name server over TCP.
    pub dns_tcp: SocketAddr,
}

impl Doors {
    /// The first balancer: for all that either can be asked.
    pub fn http(&self) -> SocketAddr {
        self.balancers[0].http
    }
}

/// The host of the site.
pub const WWW: &str = "www.radiodeck.localhost";
/// The host of the API.
pub const API: &str = "api.radiodeck.localhost";

/// Requests that any app server answers from any replica.
pub const READS: &[(&str, &str)] = &[
    (API, "/json/stations/search?name=radio&limit=5"),
    (WWW, "/"),
    (API, "/json/stations/topvote/5"),
    (WWW, "/search?q=jazz"),
];

fn ok(answer: Result<Answer, String>) -> Answer {
    let answer = answer.expect("an answer");
    assert!(answer.status.is_success(), "{answer:?}");
    answer
}

/// A station of the catalogue, as the API tells it.
///
/// # Panics
/// When the catalogue is empty.
pub async fn any_station(doors: Doors) -> Value {
    let list = ok(get(doors.http(), API, "/json/stations/topvote/1").await).json();
    list.get(0).cloned().expect("the catalogue is never empty")
}

/// The site greets a browser with stations that can be played.
pub async fn the_home_page_shows_stations(doors: Doors) {
    let answer = ok(get(doors.http(), WWW, "/").await);
    assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
    let page = answer.text();
    assert!(page.contains("/station/"), "no station on the home page: {page}");
    assert!(page.contains("<form"), "no search form: {page}");
}

/// A station's page plays its stream without JavaScript.
pub async fn a_station_page_has_a_player(doors: Doors) {
    let station = any_station(doors).await;
    let uuid = station["stationuuid"].as_str().expect("stationuuid");
    let page = ok(get(doors.http(), WWW, &format!("/station/{uuid}")).await).text();
    assert!(page.contains("<audio"), "{page}");
}

/// The API answers JSON, and XML to those who ask for it.
pub async fn the_api_speaks_json_and_xml(doors: Doors) {
    let json = ok(get(doors.http(), API, "/json/stations/search?name=a&limit=2").await);
    assert_eq!(json.header("content-type"), "application/json", "{json:?}");
    assert!(json.json().as_array().is_some_and(|list| list.len() == 2), "{json:?}");
    let accept = BTreeMap::from([("accept", "application/xml")]);
    let by_header = ok(send(
        doors.http(),
        API,
        Method::GET,
        "/stations/search?name=a&limit=2",
        &accept,
        "",
    )
    .await);
    let by_path = ok(get(doors.http(), API, "/xml/stations/search?name=a&limit=2").await);
    for answer in [by_header, by_path] {
        assert!(answer.header("content-type").contains("xml"), "{answer:?}");
        assert_eq!(answer.text().matches("<station ").count(), 2, "{answer:?}");
    }
}

/// The apex sends browsers to www, keeping path, query and port.
pub async fn the_apex_redirects_to_www(doors: Doors) {
    let answer = get(doors.http(), "radiodeck.localhost:8080", "/search?q=%C4%8Daj")
        .await
        .expect("an answer");
    assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT, "{answer:?}");
    assert_eq!(
        answer.header("location"),
        "http://www.radiodeck.localhost:8080/search?q=%C4%8Daj"
    );
}

/// A request that says no, two or a malformed Host is refused; a strange one is not found.
pub async fn hosts_are_checked(doors: Doors) {
    let cases: &[(&[u8], &str)] = &[
        (b"GET / HTTP/1.1\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nHost: www.radiodeck.si\r\nHost: api.radiodeck.si\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nHost: www radiodeck\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", "404"),
        (b"GET / HTTP/1.1\r\nHost: anything.radiodeck.si\r\n\r\n", "404"),
        (b"GET / HTTP/1.1\r\nHost: www.radiodeck.si\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400"),
    ];
    for (request, status) in cases {
        let answer = raw(doors.http(), request).await.expect("an answer");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{}: expected {status}, got {answer}",
            String::from_utf8_lossy(request)
        );
    }
}

/// What a client can get wrong is answered with a 4xx problem that says so, and the stack lives on.
pub async fn bad_requests_are_clear_errors(doors: Doors) {
    let long = format!("/json/stations/search?name={}", "a".repeat(20_000));
    let cases = [
        (long.as_str(), &[400, 414][..]),
        ("/json/stations/search?limit=abc", &[400]),
        ("/json/stations/search?name=%00", &[400]),
        ("/json/stations/byname/a%00b", &[400]),
        ("/json/stations/byuuid/not-a-uuid", &[400]),
        ("/json/stations/search?hidebroken=perhaps", &[400]),
        ("/json/url/not-a-uuid", &[400]),
        ("/json/url/00000000-0000-4000-8000-000000000000", &[404]),
        ("/json/nothing/here", &[404]),
        ("/yaml/stations", &[404, 406]),
        ("/json/stations/search?name=%ff%fe", &[200, 400]),
    ];
    for (path, statuses) in cases {
        let answer = get(doors.http(), API, path).await.expect("an answer");
        let shown: String = path.chars().take(80).collect();
        assert!(statuses.contains(&answer.status.as_u16()), "{shown}: {answer:?}");
        if !answer.status.is_success() {
            assert_eq!(
                answer.header("content-type"),
                "application/problem+json",
                "{shown}: {answer:?}"
            );
            let problem = answer.json();
            assert_eq!(problem["status"], answer.status.as_u16(), "{shown}: {problem}");
            assert!(
                problem["title"].as_str().is_some_and(|t| !t.is_empty()),
                "{shown}: {problem}"
            );
        }
    }
    for path in [
        "/station/not-a-uuid",
        "/nothing",
        "/search?q=%00",
        "/station/00000000-0000-4000-8000-000000000000",
    ] {
        let answer = get(doors.http(), WWW, path).await.expect("an answer");
        assert!(answer.status.is_client_error(), "{path}: {answer:?}");
        assert!(
            answer.header("content-type").starts_with("text/html"),
            "{path}: {answer:?}"
        );
    }
    the_home_page_shows_stations(doors).await;
}

/// A vote is written on the primary and seen by a later read; the second one is refused with 200.
pub async fn a_vote_counts_once(doors: Doors) {
    let station = any_station(doors).await;
    let uuid = station["stationuuid"].as_str().expect("stationuuid").to_owned();
    let before = station["votes"].as_i64().expect("votes");
    let first = ok(get(doors.http(), API, &format!("/json/vote/{uuid}")).await).json();
    let again = ok(get(doors.http(), API, &format!("/json/vote/{uuid}")).await).json();
    assert_eq!(again["ok"], false, "{again}");
    // An earlier test of the same run may have voted already: then the first was refused as well.
    let expected = before + i64::from(first["ok"] == true);
    poll::until("the vote arrives on a replica", Duration::from_secs(10), async || {
        let list = ok(get(doors.http(), API, &format!("/json/stations/byuuid/{uuid}")).await).json();
        match list[0]["votes"].as_i64() {
            Some(votes) if votes == expected => Ok(()),
            votes => Err(format!("{votes:?}, not {expected}")),
        }
    })
    .await;
}

/// Requests are spread over `servers` app servers, and each names itself.
pub async fn every_app_server_is_used(doors: Doors, servers: usize) {
    poll::until("every app server answers", Duration::from_secs(30), async || {
        let mut seen = BTreeSet::new();
        for _ in 0..servers * 4 {
            seen.insert(ok(get(doors.http(), WWW, "/").await).header("x-served-by").to_owned());
        }
        if seen.len() == servers { Ok(()) } else { Err(seen) }
    })
    .await;
}

/// Each balancer serves the site and the API, in the clear and with a certificate that is good for their names.
pub async fn either_balancer_serves_everything(doors: Doors, browser: &Browser) {
    for balancer in doors.balancers {
        let page = ok(get(balancer.http, WWW, "/").await).text();
        assert!(page.contains("/station/"), "{balancer:?}: {page}");
        let (page, _) = browser.get(balancer.https, WWW, "/").await.expect("the site");
        assert!(ok(Ok(page)).text().contains("/station/"), "{balancer:?}");
        let list = browser.get(balancer.https, API, "/json/stations/topvote/1").await;
        let (list, _) = list.expect("the API");
        assert_eq!(ok(Ok(list)).json().as_array().map(Vec::len), Some(1), "{balancer:?}");
    }
}

/// What a client has agreed on with one balancer is good for the other one: it needs no full handshake there.
pub async fn a_tls_session_goes_on_with_the_other_balancer(doors: Doors, browser: &Browser) {
    let [first, second] = doors.balancers.map(|balancer| balancer.https);
    browser.get(first, WWW, "/").await.expect("an answer");
    let (_, resumed) = browser.get(second, WWW, "/").await.expect("an answer");
    assert!(resumed, "a full handshake with the second balancer");
}

/// What the admin listener of a balancer says under /status: all of `servers` app servers are known and get requests.
///
/// # Errors
/// What is there instead.
pub fn sees_app_servers(status: &Value, servers: usize) -> Result<(), String> {
    let seen = status["lb"]["pools"][0]["servers"].as_array();
    let seen = seen.ok_or_else(|| format!("no servers in {status}"))?;
    let healthy = seen.iter().filter(|server| server["in_rotation"] == true).count();
    if healthy == servers {
        Ok(())
    } else {
        Err(format!("{seen:?}"))
    }
}

/// Of the balancers exactly these are given out, as soon as the name server's probes have told it.
pub async fn names_lead_to(doors: Doors, living: &[Balancer]) {
    for name in [
        "radiodeck.si.",
        "www.radiodeck.si.",
        "api.radiodeck.localhost.",
        "any.radiodeck.localhost.",
    ] {
        poll::until(
            &format!("{name} leads to the balancers that live"),
            Duration::from_secs(15),
            async || {
                let answer = dig::udp(doors.dns_udp, name, RecordType::A).await?;
                let address = |data: &RData| match data {
                    RData::A(a) => Some(IpAddr::from(a.0)),
                    _ => None,
                };
                let given: BTreeSet<IpAddr> = answer.answers.iter().filter_map(|r| address(&r.data)).collect();
                let expected: BTreeSet<IpAddr> = living.iter().map(|balancer| balancer.http.ip()).collect();
                match given == expected {
                    true => Ok(()),
                    false => Err(format!("{given:?} instead of {expected:?}")),
                }
            },
        )
        .await;
    }
}

/// The name server gives the published address of every balancer for every name, over UDP and TCP, and says no clearly.
pub async fn names_lead_to_both_balancers(doors: Doors) {
    // One that has just started is given out after its second good probe.
    names_lead_to(doors, &doors.balancers).await;
    for zone in ["radiodeck.si.", "radiodeck.localhost."] {
        for name in ["", "www.", "api.", "anything.at.all."] {
            let name = format!("{name}{zone}");
            for answer in [
                dig::udp(doors.dns_udp, &name, RecordType::A).await,
                dig::tcp(doors.dns_tcp, &name, RecordType::A).await,
            ] {
                let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{name}: {answer}");
                assert!(answer.metadata.authoritative, "{name}: {answer}");
                let published = doors.balancers.iter().all(|balancer| {
                    answer
                        .answers
                        .iter()
                        .any(|record| matches!(&record.data, RData::A(a) if balancer.http.ip() == a.0))
                });
                assert!(published, "{name}: {answer}");
            }
        }
    }
    let missing_type = dig::udp(doors.dns_udp, "anything.radiodeck.si.", RecordType::MX)
        .await
        .expect("an answer");
    assert_eq!(
        missing_type.metadata.response_code,
        ResponseCode::NoError,
        "{missing_type}"
    );
    assert!(missing_type.answers.is_empty(), "{missing_type}");
    let outside = dig::udp(doors.dns_udp, "example.org.", RecordType::A)
        .await
        .expect("an answer");
    assert_eq!(outside.metadata.response_code, ResponseCode::Refused, "{outside}");
}

/// With no primary, reads go on, and a write is refused at once in words a machine understands.
pub async fn writes_are_refused_and_reads_go_on(doors: Doors) {
    let station = any_station(doors).await;
    let uuid = station["stationuuid"].as_str().expect("stationuuid").to_owned();
    let refused = poll::until("a write is refused", Duration::from_secs(15), async || {
        let answer = get(doors.http(), API, &format!("/json/vote/{uuid}"))
            .await
            .expect("an answer");
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            Ok(answer)
        } else {
            Err(answer)
        }
    })
    .await;
    assert!(refused.header("retry-after").parse::<u32>().is_ok(), "{refused:?}");
    assert_eq!(
        refused.header("content-type"),
        "application/problem+json",
        "{refused:?}"
    );
    for (host, path) in READS {
        ok(get(doors.http(), host, path).await);
    }
}

/// With the primary back, writes are taken again.
pub async fn writes_are_taken(doors: Doors) {
    let station = any_station(doors).await;
    let uuid = station["stationuuid"].as_str().expect("stationuuid").to_owned();
    poll::until("a write is taken", Duration::from_secs(60), async || {
        let answer = get(doors.http(), API, &format!("/json/vote/{uuid}")).await?;
        if answer.status.is_success() {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    })
    .await;
}
