//! Which headers pass and which do not.

use super::*;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

fn prepared(lines: &[(&'static str, &'static str)], trusted: bool) -> HeaderMap {
    let mut headers = headers(lines);
    let address = HeaderValue::from_static("192.0.2.1");
    let sender = Sender {
        via: "1.1 radiodeck-lb",
        address: &address,
        trusted,
        scheme: "http",
    };
    prepare_request(&mut headers, false, &sender);
    headers
}

fn all(headers: &HeaderMap, name: &str) -> Vec<String> {
    let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
    headers.get_all(name).iter().map(text).collect()
}

#[test]
fn rfc_9110_7_6_1_named_and_known_hop_by_hop_headers_go() {
    let left = prepared(
        &[
            ("host", "a"),
            ("connection", "close, X-Secret"),
            ("connection", "x-other"),
            ("x-secret", "1"),
            ("x-other", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic x"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
            ("te", "gzip"),
            ("expect", "100-continue"),
            ("accept", "*/*"),
        ],
        false,
    );
    let mut names: Vec<_> = left.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "host",
            "via",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-request-id"
        ]
    );
}

#[test]
fn cve_2024_45410_what_the_balancer_adds_cannot_be_named_away() {
    let left = prepared(
        &[
            ("host", "a"),
            ("connection", "x-forwarded-for, x-forwarded-host, via, host"),
        ],
        false,
    );
    assert_eq!(all(&left, "host"), ["a"]);
    assert_eq!(all(&left, "x-forwarded-for"), ["192.0.2.1"]);
    assert_eq!(all(&left, "x-forwarded-host"), ["a"]);
    assert_eq!(all(&left, "via"), ["1.1 radiodeck-lb"]);
}

const CLAIMED: [(&str, &str); 9] = [
    ("host", "a"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-for", "203.0.113.10"),
    ("x_forwarded_for", "203.0.113.11"),
    ("x-forwarded_proto", "https"),
    ("x-forwarded-proto", "https"),
    ("x-real-ip", "203.0.113.9"),
    ("forwarded", "for=203.0.113.9"),
    ("x-request-id", "mine"),
];

#[test]
fn a_stranger_is_not_believed_in_any_spelling() {
    let left = prepared(&CLAIMED, false);
    assert_eq!(all(&left, "x-forwarded-for"), ["192.0.2.1"]);
    assert_eq!(all(&left, "x-forwarded-proto"), ["http"]);
    for gone in ["x_forwarded_for", "x-forwarded_proto", "x-real-ip", "forwarded"] {
        assert!(!left.contains_key(gone), "{gone}: {left:?}");
    }
    assert_ne!(all(&left, "x-request-id"), ["mine"]);
}

#[test]
fn a_trusted_proxy_is_believed_except_with_underscores() {
    let left = prepared(&CLAIMED, true);
    assert_eq!(all(&left, "x-forwarded-for"), ["203.0.113.9, 203.0.113.10, 192.0.2.1"]);
    assert_eq!(all(&left, "x-forwarded-proto"), ["https"]);
    assert_eq!(all(&left, "x-request-id"), ["mine"]);
    assert!(!left.contains_key("x_forwarded_for"), "{left:?}");
}

#[test]
fn te_trailers_is_kept_with_its_connection_option() {
    let left = prepared(&[("host", "a"), ("te", "gzip, Trailers"), ("connection", "te")], false);
    assert_eq!(all(&left, "te"), ["trailers"]);
    assert_eq!(all(&left, "connection"), ["te"]);
}

#[test]
fn earlier_hops_stay_in_via() {
    let left = prepared(&[("host", "a"), ("via", "1.0 x"), ("via", "1.1 y")], false);
    assert_eq!(all(&left, "via"), ["1.0 x, 1.1 y, 1.1 radiodeck-lb"]);
}
