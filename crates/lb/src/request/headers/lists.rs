//! Headers that are lists: several lines mean the same as one (RFC 9110 5.3).

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Makes one line of several.
pub(super) fn merge_lines(headers: &mut HeaderMap, name: &HeaderName) {
    let mut lines = headers.get_all(name).iter();
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else {
        return;
    };
    let merged = lines.fold(joined(first, second), |merged, line| joined(&merged, line));
    headers.insert(name, merged);
}

/// Adds an element at the end of a list of one line, or begins it.
pub(super) fn append(headers: &mut HeaderMap, name: HeaderName, element: HeaderValue) {
    let list = match headers.get(&name) {
        Some(earlier) => joined(earlier, &element),
        None => element,
    };
    headers.insert(name, list);
}

pub(super) fn joined(first: &HeaderValue, second: &HeaderValue) -> HeaderValue {
    let mut bytes = Vec::with_capacity(first.len() + 2 + second.len());
    bytes.extend_from_slice(first.as_bytes());
    bytes.extend_from_slice(b", ");
    bytes.extend_from_slice(second.as_bytes());
    HeaderValue::from_maybe_shared(bytes::Bytes::from(bytes)).unwrap_or_else(|_| second.clone())
}
