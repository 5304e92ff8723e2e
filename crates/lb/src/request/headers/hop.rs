//! What is meant for one hop only (RFC 9110 7.6.1).

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};

use super::found::Found;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Takes it away, in either direction. Headers that carry the message itself
/// cannot be named away.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    strip(headers, Found::in_headers(headers));
}

/// The same with what was found. Answers what is there afterwards, or may be.
pub(super) fn strip(headers: &mut HeaderMap, mut found: Found) -> Found {
    if found.has(Found::CONNECTION) && strip_named(headers) {
        found = Found::in_headers(headers);
    }
    if found.has(Found::TRANSFER_ENCODING) {
        headers.remove(TRANSFER_ENCODING);
    }
    if found.has(Found::HOP) {
        for name in [KEEP_ALIVE, PROXY_CONNECTION, UPGRADE, HTTP2_SETTINGS] {
            headers.remove(name);
        }
    }
    found
}

/// Removes `Connection` and what it names. Answers whether it named anything.
fn strip_named(headers: &mut HeaderMap) -> bool {
    // Allocates nothing unless there is a name.
    let mut named = Vec::new();
    for value in headers.get_all(CONNECTION) {
        for token in value.as_bytes().split(|byte| *byte == b',') {
            let token = token.trim_ascii();
            // Options of the connection, and no names of headers.
            if token.eq_ignore_ascii_case(b"keep-alive") || token.eq_ignore_ascii_case(b"close") {
                continue;
            }
            if let Ok(name) = HeaderName::from_bytes(token)
                && ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING, TE].contains(&name)
            {
                named.push(name);
            }
        }
    }
    headers.remove(CONNECTION);
    let any = !named.is_empty();
    for name in named {
        headers.remove(name);
    }
    any
}

/// The one use of TE that means something to an HTTP/1.1 server behind us.
pub(super) fn keep_te_trailers(headers: &mut HeaderMap) {
    let wanted = headers
        .get_all(TE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"));
    headers.remove(TE);
    if wanted {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
}
