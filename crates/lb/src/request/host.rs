//! The authority of a request (RFC 9110 7.2, RFC 3986 3.2.2), brought to one
//! spelling: small letters, no trailing dot, the port apart.

use std::borrow::Cow;

use thiserror::Error;

/// Longest name that DNS can hold, in text.
const MAX_NAME_BYTES: usize = 253;

/// An authority, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    /// Host in small letters without a trailing dot; an IPv6 address keeps its
    /// brackets.
    pub(crate) name: Cow<'a, str>,
    /// Digits of the port; empty if there is none.
    pub(crate) port: &'a str,
}

/// Not an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a valid host")]
pub(crate) struct BadHost;

/// Reads `host [":" port]`. Percent-encoding and user information are refused:
/// no name that could be routed needs them, and readers disagree on them.
///
/// # Errors
/// Whatever is not of that form.
pub(crate) fn parse(bytes: &[u8]) -> Result<Authority<'_>, BadHost> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadHost)?;
    let (host, port) = split(text)?;
    if port.len() > 5
        || !port.bytes().all(|byte| byte.is_ascii_digit())
        || port.parse::<u32>().is_ok_and(|p| p > 65_535)
    {
        return Err(BadHost);
    }
    let host = match host.strip_suffix('.') {
        Some(rest) if !host.starts_with('[') => rest,
        _ => host,
    };
    if !is_name(host) && !is_ipv6_literal(host) {
        return Err(BadHost);
    }
    let name = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    };
    Ok(Authority { name, port })
}

fn split(text: &str) -> Result<(&str, &str), BadHost> {
    let after_host = match text.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or(BadHost)? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(after_host);
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, port)),
        None if rest.is_empty() => Ok((host, "")),
        None => Err(BadHost),
    }
}

/// Letters, digits, hyphens and, because they are found in the wild,
/// underscores; labels are not empty. IPv4 addresses are of this form, too.
fn is_name(host: &str) -> bool {
    let mut label_bytes = 0;
    for byte in host.bytes() {
        match byte {
            b'.' if label_bytes == 0 => return false,
            b'.' => label_bytes = 0,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => label_bytes += 1,
            _ => return false,
        }
        if label_bytes > 63 {
            return false;
        }
    }
    label_bytes > 0 && host.len() <= MAX_NAME_BYTES
}

fn is_ipv6_literal(host: &str) -> bool {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_trailing_dot_and_port_do_not_matter_for_the_name() {
        for text in [
            "www.radiodeck.localhost",
            "WWW.Radiodeck.LOCALHOST",
            "www.radiodeck.localhost.",
            "www.radiodeck.localhost:8080",
            "www.radiodeck.localhost.:8080",
            "www.radiodeck.localhost:",
        ] {
            let name = parse(text.as_bytes()).map(|authority| authority.name.into_owned());
            assert_eq!(name.as_deref(), Ok("www.radiodeck.localhost"), "{text}");
        }
    }

    #[test]
    fn addresses_are_hosts() {
        for (text, name, port) in [
            ("127.0.0.1:80", "127.0.0.1", "80"),
            ("[::1]", "[::1]", ""),
            ("[FE80::1]:8080", "[fe80::1]", "8080"),
        ] {
            let authority = parse(text.as_bytes()).expect(text);
            assert_eq!((&*authority.name, authority.port), (name, port));
        }
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        let long = "a.".repeat(127) + "aa";
        for text in [
            "", ".", "..", "a..b", ".a", "a b", "a/b", "a@b", "a:b", "a:80:80", "a:99999", "a:-1", "a,b", "a%2eb",
            "[::1", "[::1]x", "[zz]", "[]", "::1", "a\0b", "a\tb", "ä.b", "a?b", "a#b", "a\\b", &long,
        ] {
            assert_eq!(parse(text.as_bytes()), Err(BadHost), "{text:?}");
        }
    }
}
