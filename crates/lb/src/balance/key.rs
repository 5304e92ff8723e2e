//! What of a request the consistent hash goes by.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::rendezvous::hash;
use crate::config::{ClientConfig, HashKey};
use crate::request::headers::client_address;

/// A request as its client has sent it.
pub(crate) struct Asked<'a> {
    /// In small letters, without a port.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// The peer's address.
    pub(crate) address: &'a HeaderValue,
    /// The peer is a proxy whose word is taken.
    pub(crate) trusted: bool,
}

/// The hash of what `by` names. `None` if the request does not have it: such
/// requests are spread in turn.
pub(crate) fn key(by: &HashKey, asked: &Asked<'_>, client: &ClientConfig) -> Option<u64> {
    let of = |bytes: &[u8]| Some(hash(bytes.iter().copied())).filter(|_| !bytes.is_empty());
    match by {
        HashKey::Header(name) => of(asked.headers.get(name)?.as_bytes()),
        HashKey::Cookie(name) => of(cookie(asked.headers, name)?),
        HashKey::Path => of(asked.path.as_bytes()),
        HashKey::Host => of(asked.host.as_bytes()),
        HashKey::ClientAddress => {
            let told = asked
                .trusted
                .then(|| client_address(asked.headers, |address| client.trusts(address)));
            match told.flatten() {
                // In one spelling, as the peer's own address is.
                Some(address) => of(address.to_string().as_bytes()),
                None => of(asked.address.as_bytes()),
            }
        }
    }
}

/// The value of the first cookie of this name (RFC 6265 4.2).
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .find_map(|pair| {
            let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
            Some(value.strip_prefix(b"=")?.trim_ascii_end())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'a>(headers: &'a HeaderMap, address: &'a HeaderValue, trusted: bool) -> Asked<'a> {
        Asked {
            host: "a",
            path: "/b",
            headers,
            address,
            trusted,
        }
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_among_others_and_only_by_its_whole_name() {
        let lines = headers(&[("cookie", "xid=1; id=two;id=3"), ("cookie", "other=4")]);
        assert_eq!(cookie(&lines, "id"), Some(&b"two"[..]));
        assert_eq!(cookie(&lines, "other"), Some(&b"4"[..]));
        assert_eq!(cookie(&lines, "i"), None);
        assert_eq!(cookie(&headers(&[("cookie", "id")]), "id"), None);
    }

    #[test]
    fn what_is_missing_or_empty_is_no_key() {
        let (peer, client) = (HeaderValue::from_static("10.0.0.9"), ClientConfig::default());
        let lines = headers(&[("x-empty", ""), ("x-user", "7")]);
        let key_by = |name: &str| {
            let by = HashKey::Header(name.parse().expect("a name"));
            key(&by, &asked(&lines, &peer, false), &client)
        };
        assert_eq!((key_by("x-empty"), key_by("x-missing")), (None, None));
        assert_eq!(key_by("x-user"), Some(hash(*b"7")));
    }

    #[test]
    fn behind_trusted_proxies_the_address_is_that_of_who_asked_the_first_of_them() {
        let client = ClientConfig {
            trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")],
            ..ClientConfig::default()
        };
        let peer = HeaderValue::from_static("10.0.0.9");
        let lines = headers(&[("x-forwarded-for", "1.1.1.1, 2.2.2.2"), ("x-forwarded-for", "10.0.0.3")]);
        let address = |trusted| key(&HashKey::ClientAddress, &asked(&lines, &peer, trusted), &client);
        assert_eq!(address(true), Some(hash(*b"2.2.2.2")));
        assert_eq!(address(false), Some(hash(*b"10.0.0.9")));
    }
}
