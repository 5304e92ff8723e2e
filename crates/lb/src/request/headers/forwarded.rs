//! The Forwarded header (RFC 7239), beside X-Forwarded-*: the same facts in a
//! form that says which belong together.

use std::cell::RefCell;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{FORWARDED, HOST, HeaderMap};

use super::lists::{append, joined};
use super::{Sender, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};

/// The last element made for a connection. Nearly always the next one is the
/// same, as only the host could differ. The element is kept and not the Host
/// header, which would hold on to the buffer that it came in.
#[derive(Debug, Default)]
pub(crate) struct Forwarded(RefCell<Option<Element>>);

#[derive(Debug)]
struct Element {
    value: HeaderValue,
    /// Where the host stands in it, without quotes.
    host_at: usize,
}

/// Adds the element for this hop, after those of trusted proxies. Needs
/// X-Forwarded-* as they came.
pub(super) fn add(headers: &mut HeaderMap, sender: &Sender<'_>, has_claims: bool) {
    let Some(host) = headers.get(HOST) else { return };
    let element = sender.forwarded.element(sender, host);
    if !has_claims {
        headers.insert(FORWARDED, element);
        return;
    }
    if !headers.contains_key(FORWARDED)
        && let Some(before) = converted(headers)
    {
        headers.insert(FORWARDED, joined(&before, &element));
        return;
    }
    append(headers, FORWARDED, element);
}

impl Forwarded {
    fn element(&self, sender: &Sender<'_>, host: &HeaderValue) -> HeaderValue {
        let host = host.as_bytes();
        let mut last = self.0.borrow_mut();
        if let Some(known) = &*last {
            let end = known.host_at + host.len();
            // What follows the host is nothing or its closing quote.
            if known.value.len() - end.min(known.value.len()) <= 1
                && known.value.as_bytes().get(known.host_at..end) == Some(host)
                && known.value.as_bytes().get(end).is_none_or(|byte| *byte == b'"')
            {
                return known.value.clone();
            }
        }
        let mut text = Vec::with_capacity(48 + host.len());
        push_node(&mut text, sender.address.as_bytes());
        text.extend_from_slice(b";proto=");
        text.extend_from_slice(sender.scheme.as_bytes());
        text.extend_from_slice(b";host=");
        let host_at = text.len() + usize::from(!is_token(host));
        push_value(&mut text, host);
        let value = header_value(text);
        *last = Some(Element {
            value: value.clone(),
            host_at,
        });
        value
    }
}

/// The elements that X-Forwarded-* of a proxy before this one amount to (RFC
/// 7239 7.4): without them a server that reads Forwarded would take that proxy
/// for the client. What the client asked for stands in the first.
fn converted(headers: &HeaderMap) -> Option<HeaderValue> {
    let nodes = headers.get(X_FORWARDED_FOR)?;
    let mut text = Vec::with_capacity(64 + 2 * nodes.len());
    for node in nodes.as_bytes().split(|byte| *byte == b',') {
        let first = text.is_empty();
        if !first {
            text.extend_from_slice(b", ");
        }
        push_node(&mut text, node.trim_ascii());
        if first {
            for (name, header) in [(&b";proto="[..], X_FORWARDED_PROTO), (b";host=", X_FORWARDED_HOST)] {
                if let Some(value) = headers.get(header) {
                    text.extend_from_slice(name);
                    push_value(&mut text, value.as_bytes());
                }
            }
        }
    }
    Some(header_value(text))
}

fn header_value(text: Vec<u8>) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or_else(|_| HeaderValue::from_static("for=unknown"))
}

/// `for=` with an address; anything else is unknown (RFC 7239 6).
fn push_node(text: &mut Vec<u8>, address: &[u8]) {
    text.extend_from_slice(b"for=");
    let is_v4 = address.contains(&b'.') && address.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if is_v4 {
        text.extend_from_slice(address);
        return;
    }
    let bare = address
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"))
        .unwrap_or(address);
    let is_v6 = bare.contains(&b':')
        && bare
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    if is_v6 {
        text.extend_from_slice(b"\"[");
        text.extend_from_slice(bare);
        text.extend_from_slice(b"]\"");
    } else {
        text.extend_from_slice(b"unknown");
    }
}

fn is_token(value: &[u8]) -> bool {
    let is_token_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !value.is_empty() && value.iter().all(is_token_byte)
}

/// A token as it is, anything else quoted.
fn push_value(text: &mut Vec<u8>, value: &[u8]) {
    if is_token(value) {
        text.extend_from_slice(value);
        return;
    }
    text.push(b'"');
    for byte in value {
        if matches!(byte, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text.push(b'"');
}
