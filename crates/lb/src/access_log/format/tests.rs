//! Lines as readers see them.

use super::super::stamp::Stamp;
use super::*;

fn line<'a>(method: &'a Method, target: &'a str, agent: &'a [u8]) -> Line<'a> {
    Line {
        client: "192.0.2.1".parse().expect("an address"),
        request: Some(Request {
            method,
            target,
            version: Version::HTTP_11,
            host: Some(b"www.example"),
            referer: None,
            user_agent: Some(agent),
        }),
        status: StatusCode::OK,
        sent_bytes: 1234,
        elapsed_us: 1_002_003,
        pool: Some("app"),
        server: "[::1]:8000".parse().ok(),
        retries: 1,
        request_id: Some(b"abc"),
        trace_id: None,
        tls: None,
        ended: "complete",
    }
}

fn written(form: fn(&mut Vec<u8>, &Now<'_>, &Line<'_>), line: &Line<'_>) -> String {
    let mut out = Vec::new();
    form(&mut out, &Stamp::default().now(), line);
    String::from_utf8(out).expect("UTF-8, whatever was put in")
}

#[test]
fn combined_is_what_apache_writes() {
    let text = written(combined, &line(&Method::GET, "/a?b=c", b"agent"));
    let (before, rest) = text.split_once(" [").expect("a time");
    let (time, rest) = rest.split_once("] ").expect("a time");
    assert_eq!(before, "192.0.2.1 - -");
    assert_eq!(time.len(), "24/Nov/2026:11:52:44 +0000".len(), "{text}");
    assert_eq!(rest, "\"GET /a?b=c HTTP/1.1\" 200 1234 \"-\" \"agent\"\n");
}

#[test]
fn json_has_every_field() {
    let text = written(json, &line(&Method::GET, "/a?b=c", b"agent"));
    let mut value: serde_json::Value = serde_json::from_str(&text).expect(&text);
    let time = value["time"].take();
    assert_eq!(
        time.as_str().map(str::len),
        Some("2026-11-24T11:52:44.123Z".len()),
        "{time}"
    );
    let expected = serde_json::json!({
        "time": null, "client": "192.0.2.1", "method": "GET", "host": "www.example", "path": "/a?b=c",
        "protocol": "HTTP/1.1", "status": 200, "bytes": 1234, "duration_ms": 1002.003, "pool": "app",
        "server": "[::1]:8000", "retries": 1, "request_id": "abc", "trace_id": null, "tls": null,
        "referer": null, "user_agent": "agent", "ended": "complete",
    });
    assert_eq!(value, expected);
}

#[test]
fn cwe_117_no_field_ends_before_its_time() {
    let nasty = b"a\"b\\c\r\n\t\0\x7f\xff\xe2\x80\xa8\xc3\xa9";
    let line = line(&Method::GET, "/", nasty);
    let text = written(combined, &line);
    assert!(
        text.ends_with("\"a\\x22b\\x5Cc\\x0D\\x0A\\x09\\x00\\x7F\\xFF\\xE2\\x80\\xA8\\xC3\\xA9\"\n"),
        "{text}"
    );
    let text = written(json, &line);
    assert_eq!(text.matches('\n').count(), 1, "{text:?}");
    let value: serde_json::Value = serde_json::from_str(&text).expect(&text);
    assert_eq!(value["user_agent"], "a\"b\\c\r\n\t\0\u{7f}\u{fffd}\u{2028}é");
    assert!(text.contains("\\u2028") && text.contains("\\u007f"), "{text:?}");
}

#[test]
fn what_was_no_request_has_a_line_nevertheless() {
    let mut line = line(&Method::GET, "/", b"");
    line.request = None;
    assert!(written(combined, &line).ends_with("] \"-\" 200 1234 \"-\" \"-\"\n"));
    let value: serde_json::Value = serde_json::from_str(&written(json, &line)).expect("JSON");
    assert_eq!(value["method"], serde_json::Value::Null);
}

#[test]
fn a_long_field_is_cut() {
    let long = "/".repeat(MAX_FIELD_BYTES + 10);
    let text = written(json, &line(&Method::GET, &long, b"x"));
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["path"].as_str().map(str::len), Some(MAX_FIELD_BYTES));
}
