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
    let forwarded = Forwarded::default();
    let sender = Sender {
        via: "1.1 radiodeck-lb",
        address: &address,
        trusted,
        scheme: "http",
        forwarded: &forwarded,
        traces: true,
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
            "forwarded",
            "host",
            "traceparent",
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
    assert_eq!(all(&left, "forwarded"), ["for=192.0.2.1;proto=http;host=a"]);
    for gone in ["x_forwarded_for", "x-forwarded_proto", "x-real-ip"] {
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
    assert_eq!(
        all(&left, "forwarded"),
        ["for=203.0.113.9, for=192.0.2.1;proto=http;host=a"]
    );
    assert!(!left.contains_key("x_forwarded_for"), "{left:?}");
}

#[test]
fn every_spelling_that_cgi_takes_for_a_checked_header_is_dropped() {
    for name in [
        "x_forwarded_for",
        "x_forwarded-host",
        "x-forwarded_proto",
        "x_forwarded_port",
        "x_real_ip",
        "x-real_ip",
        "x_request_id",
        "content_length",
        "content_type",
        "transfer_encoding",
        "proxy_authorization",
        "proxy_connection",
        // CVE-2016-5385
        "proxy",
    ] {
        for trusted in [false, true] {
            let left = prepared(&[("host", "a"), (name, "1")], trusted);
            assert!(!left.contains_key(name), "{name}: {left:?}");
        }
    }
    // Names of their own, whatever they look like.
    for name in ["x_api_key", "forwarded_by", "from", "proxy-authenticate-info", "c_x"] {
        let left = prepared(&[("host", "a"), (name, "1")], false);
        assert!(left.contains_key(name), "{name}: {left:?}");
    }
}

#[test]
fn rfc_7239_6_addresses_and_hosts_are_quoted_where_they_must_be() {
    let connection = Forwarded::default();
    let last = |address: &'static str, host: &'static str| {
        let mut headers = headers(&[("host", host)]);
        let address = HeaderValue::from_static(address);
        let sender = Sender {
            address: &address,
            trusted: false,
            scheme: "https",
            via: "1.1 radiodeck-lb",
            forwarded: &connection,
            traces: false,
        };
        prepare_request(&mut headers, false, &sender);
        all(&headers, "forwarded").concat()
    };
    let expected = [
        ("a", "for=\"[2001:db8::1]\";proto=https;host=a"),
        ("a", "for=\"[2001:db8::1]\";proto=https;host=a"),
        ("a:8443", "for=\"[2001:db8::1]\";proto=https;host=\"a:8443\""),
        ("a:844", "for=\"[2001:db8::1]\";proto=https;host=\"a:844\""),
        ("[::1]", "for=\"[2001:db8::1]\";proto=https;host=\"[::1]\""),
        ("[::1]:1", "for=\"[2001:db8::1]\";proto=https;host=\"[::1]:1\""),
        ("ab", "for=\"[2001:db8::1]\";proto=https;host=ab"),
        ("a", "for=\"[2001:db8::1]\";proto=https;host=a"),
    ];
    for (host, forwarded) in expected {
        assert_eq!(last("2001:db8::1", host), forwarded);
    }
}

#[test]
fn rfc_7239_7_4_what_a_trusted_proxy_says_in_x_forwarded_is_said_in_forwarded_too() {
    let left = prepared(
        &[
            ("host", "inner"),
            ("x-forwarded-for", "203.0.113.9, 2001:db8::7"),
            ("x-forwarded-for", "[2001:db8::8], 203.0.113.9\";by=x"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "www.example:8443"),
        ],
        true,
    );
    assert_eq!(
        all(&left, "forwarded"),
        [
            "for=203.0.113.9;proto=https;host=\"www.example:8443\", for=\"[2001:db8::7]\", \
          for=\"[2001:db8::8]\", for=unknown, for=192.0.2.1;proto=http;host=inner"
        ]
    );
    assert_eq!(all(&left, "x-forwarded-host"), ["www.example:8443"]);
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn w3c_trace_context_a_good_trace_is_passed_on_with_its_state() {
    for trusted in [false, true] {
        let lines = [
            ("host", "a"),
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
        ];
        let left = prepared(&lines, trusted);
        assert_eq!(all(&left, "traceparent"), [PARENT]);
        assert_eq!(all(&left, "tracestate"), ["a=1", "b=2"]);
    }
}

#[test]
fn w3c_trace_context_a_trace_is_begun_where_there_is_none_to_believe() {
    let other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01";
    for lines in [
        &[("host", "a")][..],
        &[("host", "a"), ("tracestate", "a=1")],
        &[("host", "a"), ("tracestate", "a=1"), ("traceparent", "00-1-2-01")],
        &[
            ("host", "a"),
            ("traceparent", PARENT),
            ("traceparent", other),
            ("tracestate", "a=1"),
        ],
    ] {
        let left = prepared(lines, true);
        let parents = all(&left, "traceparent");
        assert_eq!(parents.len(), 1, "{left:?}");
        assert!(parents[0].ends_with("-00") && parents[0] != PARENT, "{left:?}");
        assert!(trace::is_well_formed(&left["traceparent"]), "{left:?}");
        assert!(!left.contains_key("tracestate"), "{left:?}");
    }
}

#[test]
fn the_client_is_the_last_address_that_is_not_a_trusted_proxy() {
    let is_trusted = |address: IpAddr| address.to_string().starts_with("10.");
    for (list, expected) in [
        ("192.0.2.1", "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1, 10.0.0.1", "192.0.2.1"),
        ("10.0.0.9, 10.0.0.1", "10.0.0.9"),
        ("203.0.113.9, what, 10.0.0.1", "10.0.0.1"),
        ("::ffff:192.0.2.1,10.0.0.1", "192.0.2.1"),
        ("2001:db8::1, 10.0.0.1", "2001:db8::1"),
    ] {
        let found = client_address(&headers(&[("x-forwarded-for", list)]), is_trusted);
        assert_eq!(
            found.map(|address| address.to_string()).as_deref(),
            Some(expected),
            "{list}"
        );
    }
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
