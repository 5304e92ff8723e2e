//! Headers on their way through. What belongs to one hop goes first, then what
//! a client may not say about itself, and only then is anything added: a client
//! must not be able to name a header in `Connection` and so take away what was
//! added (CVE-2024-45410).

mod claims;
mod forwarded;
mod found;
mod hop;
mod lists;

use std::net::IpAddr;

use http::header::{EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TRANSFER_ENCODING, VIA};

use self::found::Found;
use super::id;
use crate::trace;

pub(crate) use claims::strip_trailers;
pub(crate) use forwarded::Forwarded;
pub(crate) use hop::strip_hop_by_hop;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// As many headers are added at the most: room is made for them once.
const ADDED: usize = 7;

/// Who sent a request, as far as headers tell it on.
pub(crate) struct Sender<'a> {
    /// The peer's address, ready to be a header.
    pub(crate) address: &'a HeaderValue,
    /// The peer is a configured proxy and is believed.
    pub(crate) trusted: bool,
    /// How the connection came: `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The version it spoke, as `Via` writes it.
    pub(crate) via: &'static str,
    /// What was said of the connection before.
    pub(crate) forwarded: &'a Forwarded,
    /// Traces are passed on and begun.
    pub(crate) traces: bool,
}

/// What a request is known by.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) request_id: HeaderValue,
    /// Of the trace that it belongs to, if there are traces.
    pub(crate) traceparent: Option<HeaderValue>,
}

/// Makes a client's headers fit for a server and answers the ids that go with
/// them. Needs the one Host header that the target check has left.
pub(crate) fn prepare_request(headers: &mut HeaderMap, chunked: bool, sender: &Sender<'_>) -> Names {
    let found = hop::strip(headers, Found::in_headers(headers));
    if found.has(Found::OURS) {
        headers.remove(EXPECT);
        headers.remove(PROXY_AUTHORIZATION);
    }
    if found.has(Found::POISON) {
        claims::drop_poison(headers);
    }
    if chunked {
        // hyper would take a GET without it to have no body.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if found.has(Found::TE) {
        hop::keep_te_trailers(headers);
    }
    if found.has(Found::TRAILER) {
        claims::announce_trailers(headers);
    }
    if found.has(Found::CLAIM) {
        claims::drop_claims(headers, sender.trusted);
    }
    headers.reserve(ADDED);
    let has_claims = sender.trusted && found.has(Found::CLAIM);
    forwarded::add(headers, sender, has_claims);
    add_x_forwarded(headers, sender, has_claims);

    // RFC 9110 7.6.3: a gateway names itself in every request.
    let this_hop = HeaderValue::from_static(sender.via);
    if found.has(Found::VIA) {
        lists::merge_lines(headers, &VIA);
        lists::append(headers, VIA, this_hop);
    } else {
        headers.insert(VIA, this_hop);
    }
    Names {
        request_id: request_id(headers, has_claims),
        traceparent: sender.traces.then(|| traceparent(headers, found.has(Found::TRACE))),
    }
}

fn add_x_forwarded(headers: &mut HeaderMap, sender: &Sender<'_>, has_claims: bool) {
    let address = sender.address.clone();
    if has_claims {
        lists::append(headers, X_FORWARDED_FOR, address);
    } else {
        headers.insert(X_FORWARDED_FOR, address);
    }
    if !has_claims || !headers.contains_key(X_FORWARDED_PROTO) {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(sender.scheme));
    }
    if (!has_claims || !headers.contains_key(X_FORWARDED_HOST))
        && let Some(host) = headers.get(HOST).cloned()
    {
        headers.insert(X_FORWARDED_HOST, host);
    }
}

fn request_id(headers: &mut HeaderMap, has_claims: bool) -> HeaderValue {
    if has_claims
        && let Some(kept) = headers.get(X_REQUEST_ID)
        && id::is_well_formed(kept)
    {
        return kept.clone();
    }
    let made = id::generate();
    headers.insert(X_REQUEST_ID, made.clone());
    made
}

/// Passes a trace on or begins one. State without a trace it belongs to means
/// nothing (W3C Trace Context 3.3), and of two parents neither is believed.
fn traceparent(headers: &mut HeaderMap, found: bool) -> HeaderValue {
    if found {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        if let (Some(parent), None) = (parents.next(), parents.next())
            && trace::is_well_formed(parent)
        {
            return parent.clone();
        }
        headers.remove(TRACESTATE);
    }
    let made = id::generate_traceparent();
    headers.insert(TRACEPARENT, made.clone());
    made
}

/// The client as far as proxies are trusted to know it: the last address of
/// X-Forwarded-For that is not a trusted proxy's. Only for what came from one.
pub(crate) fn client_address(headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let mut last = None;
    for element in lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
        let text = std::str::from_utf8(element).ok().map(str::trim);
        // Who writes something else than addresses cannot be followed further.
        let Some(address) = text.and_then(|text| text.parse::<IpAddr>().ok()) else {
            break;
        };
        last = Some(address.to_canonical());
        if !is_trusted(address.to_canonical()) {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests;
