//! What a client says about its own way here. Servers read it, so only a trusted
//! proxy may set it; and with underscores, which CGI cannot tell from hyphens,
//! nobody.

use http::HeaderValue;
use http::header::{FORWARDED, HeaderMap, HeaderName, TRAILER};

use super::X_FORWARDED_FOR;
use super::found::is_poison;
use super::lists::merge_lines;

/// In hyphens.
const CLAIMS: [&str; 3] = ["forwarded", "x-real-ip", "x-request-id"];
/// And whatever begins like this.
const FORWARDED_PREFIX: &str = "x-forwarded-";

/// Whether a header of this name says something of the way a request came,
/// taking underscores for hyphens.
pub(super) fn is_claim(name: &str) -> bool {
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

/// Takes out what may not be believed, and leaves one line each of what may.
pub(super) fn drop_claims(headers: &mut HeaderMap, trusted: bool) {
    remove_where(headers, |name| is_claim(name) && (!trusted || name.contains('_')));
    if trusted {
        // One line each, so that every reader sees the whole list.
        for name in [X_FORWARDED_FOR, FORWARDED] {
            merge_lines(headers, &name);
        }
    }
}

/// Takes out what no server may see.
pub(super) fn drop_poison(headers: &mut HeaderMap) {
    remove_where(headers, is_poison);
}

/// Takes claims out of trailers, whoever sent them: a server that merges them
/// into the headers would read them beside ours.
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    remove_where(trailers, is_unwanted_trailer);
}

fn is_unwanted_trailer(name: &str) -> bool {
    is_claim(name) || is_poison(name)
}

fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let unwanted = |name: &&HeaderName| unwanted(name.as_str());
    let names: Vec<HeaderName> = headers.keys().filter(unwanted).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Leaves in `Trailer` what [`strip_trailers`] leaves of the trailers.
pub(super) fn announce_trailers(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers
        .get_all(TRAILER)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !is_unwanted_trailer(name.as_str()))
        .collect();
    headers.remove(TRAILER);
    let list = names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::try_from(list)
        && !value.is_empty()
    {
        headers.insert(TRAILER, value);
    }
}
