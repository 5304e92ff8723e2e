//! Headers on their way through. What belongs to one hop goes first, then what
//! a client may not say about itself, and only then is anything added: a client
//! must not be able to name a header in `Connection` and so take away what was
//! added (CVE-2024-45410).

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};

use super::id;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// What a client says about its own way here, in hyphens. Read by servers, so
/// only a trusted proxy may set them, and underscores (which CGI cannot tell
/// from hyphens) nobody.
const CLAIMS: [&str; 3] = ["forwarded", "x-real-ip", "x-request-id"];
/// And whatever begins like this.
const FORWARDED_PREFIX: &str = "x-forwarded-";

/// Who sent a request, as far as headers tell it on.
pub(crate) struct Sender<'a> {
    /// The peer's address, ready to be a header.
    pub(crate) address: &'a HeaderValue,
    /// The peer is a configured proxy and is believed.
    pub(crate) trusted: bool,
    /// How it came here: `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The version it spoke, as `Via` writes it.
    pub(crate) via: &'static str,
}

/// Takes away what was meant for one hop only (RFC 9110 7.6.1), in either
/// direction. Headers that carry the message itself cannot be named away.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let mut named = Vec::new();
        for value in headers.get_all(CONNECTION) {
            for token in value.as_bytes().split(|byte| *byte == b',') {
                // `close` and `keep-alive` are options of the connection only.
                if let Ok(name) = HeaderName::from_bytes(token.trim_ascii())
                    && name != HOST
                    && name != CONTENT_LENGTH
                    && name != TRANSFER_ENCODING
                    && name != "close"
                    && name != TE
                {
                    named.push(name);
                }
            }
        }
        headers.remove(CONNECTION);
        for name in named {
            headers.remove(name);
        }
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE, HTTP2_SETTINGS] {
        headers.remove(name);
    }
}

/// Makes a client's headers fit for a server and answers the request id that
/// goes with them. Needs the one Host header that the target check has left.
pub(crate) fn prepare_request(headers: &mut HeaderMap, chunked: bool, sender: &Sender<'_>) -> HeaderValue {
    strip_hop_by_hop(headers);
    headers.remove(EXPECT);
    headers.remove(PROXY_AUTHORIZATION);
    if chunked {
        // hyper would take a GET without it to have no body.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    keep_te_trailers(headers);
    announce_trailers(headers);
    drop_claims(headers, sender.trusted);

    let address = match headers.get(X_FORWARDED_FOR) {
        Some(earlier) => joined(earlier, sender.address),
        None => sender.address.clone(),
    };
    headers.insert(X_FORWARDED_FOR, address);
    if !headers.contains_key(X_FORWARDED_PROTO) {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(sender.scheme));
    }
    if !headers.contains_key(X_FORWARDED_HOST)
        && let Some(host) = headers.get(HOST).cloned()
    {
        headers.insert(X_FORWARDED_HOST, host);
    }
    // RFC 9110 7.6.3: a gateway names itself in every request.
    let this_hop = HeaderValue::from_static(sender.via);
    let via = match headers.get(VIA) {
        Some(earlier) => joined(earlier, &this_hop),
        None => this_hop,
    };
    headers.insert(VIA, via);

    match headers.get(X_REQUEST_ID) {
        Some(kept) if id::is_well_formed(kept) => kept.clone(),
        _ => {
            let made = id::generate();
            headers.insert(X_REQUEST_ID, made.clone());
            made
        }
    }
}

/// The one use of TE that means something to an HTTP/1.1 server behind us.
fn keep_te_trailers(headers: &mut HeaderMap) {
    if !headers.contains_key(TE) {
        return;
    }
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

/// Whether a header of this name says something of the way a request came,
/// taking underscores for hyphens.
fn is_claim(name: &str) -> bool {
    if !(name.starts_with('x') || name.starts_with("forwarded")) {
        return false;
    }
    let alike = |claim: &str, text: &str| {
        claim.len() == text.len()
            && claim
                .bytes()
                .zip(text.bytes())
                .all(|(claim, byte)| claim == byte || claim == b'-' && byte == b'_')
    };
    let is_forwarded = name
        .get(..FORWARDED_PREFIX.len())
        .is_some_and(|start| alike(FORWARDED_PREFIX, start));
    is_forwarded || CLAIMS.iter().any(|claim| alike(claim, name))
}

/// Takes claims out of trailers, whoever sent them: a server that merges them
/// into the headers would read them beside ours.
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    let unwanted: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| is_claim(name.as_str()))
        .cloned()
        .collect();
    for name in unwanted {
        trailers.remove(name);
    }
}

/// Leaves in `Trailer` what [`strip_trailers`] leaves of the trailers.
fn announce_trailers(headers: &mut HeaderMap) {
    if !headers.contains_key(TRAILER) {
        return;
    }
    let names: Vec<HeaderName> = headers
        .get_all(TRAILER)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !is_claim(name.as_str()))
        .collect();
    headers.remove(TRAILER);
    let list = names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::try_from(list)
        && !value.is_empty()
    {
        headers.insert(TRAILER, value);
    }
}

fn drop_claims(headers: &mut HeaderMap, trusted: bool) {
    let mut unwanted: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        if is_claim(name.as_str()) && (!trusted || name.as_str().contains('_')) {
            unwanted.push(name.clone());
        }
    }
    for name in unwanted {
        headers.remove(name);
    }
    if trusted {
        // One line each, so that every reader sees the whole list.
        for name in [X_FORWARDED_FOR, FORWARDED, VIA] {
            merge_lines(headers, &name);
        }
    } else {
        merge_lines(headers, &VIA);
    }
}

fn merge_lines(headers: &mut HeaderMap, name: &HeaderName) {
    let mut lines = headers.get_all(name).iter();
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else {
        return;
    };
    let merged = lines.fold(joined(first, second), |merged, line| joined(&merged, line));
    headers.insert(name, merged);
}

/// Two lines of a list as one (RFC 9110 5.3).
fn joined(first: &HeaderValue, second: &HeaderValue) -> HeaderValue {
    let mut bytes = Vec::with_capacity(first.len() + 2 + second.len());
    bytes.extend_from_slice(first.as_bytes());
    bytes.extend_from_slice(b", ");
    bytes.extend_from_slice(second.as_bytes());
    HeaderValue::from_maybe_shared(bytes::Bytes::from(bytes)).unwrap_or_else(|_| second.clone())
}

#[cfg(test)]
mod tests;
