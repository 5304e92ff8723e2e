//! A request of HTTP/2 in the form of HTTP/1.1 (RFC 9113 8.3), the one that the
//! rest of the balancer and the servers know. The protocol's library checks the
//! frames, names and lengths; what it lets through and two HTTP/1 servers could
//! read in two ways is refused here, as strictly as from an HTTP/1 client.

use http::header::{CONTENT_LENGTH, COOKIE, HOST};
use http::request::Parts;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Uri, Version};

use super::framing::{Limits, MAX_FIELDS, is_target};
use super::target::authority;
use crate::problem::Problem;

/// Rewrites a request whose body is over already if `ended`. Answers whether
/// the body has no length that is known and so has to be sent in chunks.
pub(crate) fn translate(parts: &mut Parts, ended: bool, limits: &Limits) -> Result<bool, Problem> {
    if parts.method == Method::CONNECT {
        return Err(Problem::ConnectRefused);
    }
    check_values(&parts.headers)?;
    set_host(parts)?;
    set_target(&mut parts.uri, limits)?;
    join_cookies(&mut parts.headers)?;
    if parts.headers.len() > MAX_FIELDS {
        return Err(Problem::HeadTooLarge);
    }
    parts.version = Version::HTTP_11;
    check_length(&mut parts.headers, ended)
}

/// RFC 9113 8.2.1. HTTP/1 takes blanks around a value for no part of it, so
/// they would be there for one reader and not for the next.
fn check_values(headers: &HeaderMap) -> Result<(), Problem> {
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let padded = |value: &HeaderValue| is_blank(value.as_bytes().first()) || is_blank(value.as_bytes().last());
    if headers.values().any(padded) {
        return Err(Problem::FieldInvalid);
    }
    Ok(())
}

/// RFC 9113 8.3.1: `:authority` is the Host header, and both must be the same.
fn set_host(parts: &mut Parts) -> Result<(), Problem> {
    let Some(named) = parts.uri.authority() else {
        return Ok(());
    };
    let named = HeaderValue::from_str(named.as_str()).map_err(|_| Problem::HostInvalid)?;
    let mut hosts = parts.headers.get_all(HOST).iter();
    if let Some(host) = hosts.next() {
        let (host, named) = (authority(host)?, authority(&named)?);
        if hosts.next().is_some() || host != named {
            return Err(Problem::HostRepeated);
        }
    }
    if let Some(scheme) = parts.uri.scheme()
        && *scheme != Scheme::HTTP
        && *scheme != Scheme::HTTPS
    {
        return Err(Problem::TargetInvalid);
    }
    parts.headers.insert(HOST, named);
    Ok(())
}

/// Leaves the path, as it came.
fn set_target(uri: &mut Uri, limits: &Limits) -> Result<(), Problem> {
    let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    if path.as_str().len() > limits.target_bytes {
        return Err(Problem::TargetTooLong);
    }
    if !is_target(path.as_str().as_bytes()) {
        return Err(Problem::TargetInvalid);
    }
    *uri = Uri::from(path);
    Ok(())
}

/// RFC 9113 8.2.3: crumbs are one header again before they go on to HTTP/1.
fn join_cookies(headers: &mut HeaderMap) -> Result<(), Problem> {
    let mut crumbs = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else {
        return Ok(());
    };
    let mut joined = first.as_bytes().to_vec();
    for crumb in std::iter::once(second).chain(crumbs) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(crumb.as_bytes());
    }
    let joined = HeaderValue::from_maybe_shared(bytes::Bytes::from(joined)).map_err(|_| Problem::FieldInvalid)?;
    headers.insert(COOKIE, joined);
    Ok(())
}

/// RFC 9113 8.1.1: the length must be what the frames come to. What is still to
/// come is counted by the library.
fn check_length(headers: &mut HeaderMap, ended: bool) -> Result<bool, Problem> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else {
        return Ok(!ended);
    };
    let digits = length.as_bytes();
    let fits = !digits.is_empty() && digits.len() < 20 && digits.iter().all(u8::is_ascii_digit);
    if !fits || lengths.any(|other| other != length) || ended && digits.iter().any(|digit| *digit != b'0') {
        return Err(Problem::LengthInvalid);
    }
    let length = length.clone();
    headers.insert(CONTENT_LENGTH, length);
    Ok(false)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, Request};

    use super::*;

    const LIMITS: Limits = Limits {
        head_bytes: 48 * 1024,
        target_bytes: 32,
    };

    fn translated(uri: &str, fields: &[(&'static str, &str)], ended: bool) -> Result<(Parts, bool), Problem> {
        let mut request = Request::new(());
        *request.uri_mut() = uri.parse().expect("a target");
        for (name, value) in fields {
            let value = HeaderValue::from_str(value).expect("a value");
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
        let (mut parts, ()) = request.into_parts();
        let chunked = translate(&mut parts, ended, &LIMITS)?;
        Ok((parts, chunked))
    }

    fn problem(uri: &str, fields: &[(&'static str, &str)]) -> Option<Problem> {
        translated(uri, fields, true).err()
    }

    #[test]
    fn rfc_9113_8_3_1_the_authority_becomes_the_host() {
        let (parts, _) = translated("http://A:81/x?y", &[], true).expect("fine");
        assert_eq!(
            (parts.uri.to_string(), &parts.headers[HOST]),
            ("/x?y".into(), &HeaderValue::from_static("A:81"))
        );
        assert_eq!(problem("http://a/", &[("host", "A")]), None);
        assert_eq!(problem("http://a/", &[("host", "b")]), Some(Problem::HostRepeated));
        assert_eq!(problem("http://a/", &[("host", "a:1")]), Some(Problem::HostRepeated));
        assert_eq!(
            problem("http://a/", &[("host", "a"), ("host", "a")]),
            Some(Problem::HostRepeated)
        );
        assert_eq!(problem("ftp://a/", &[]), Some(Problem::TargetInvalid));
    }

    #[test]
    fn rfc_9113_8_2_3_cookie_crumbs_are_joined() {
        let crumbs = [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3")];
        let (parts, _) = translated("http://a/", &crumbs, true).expect("fine");
        let cookies: Vec<_> = parts.headers.get_all(COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3"]);
    }

    #[test]
    fn rfc_9113_8_1_1_a_length_that_is_none_is_refused() {
        for (fields, ended) in [
            (&[("content-length", "5")][..], true),
            (&[("content-length", "5"), ("content-length", "6")], false),
            (&[("content-length", "+5")], false),
            (&[("content-length", "")], false),
            (&[("content-length", "99999999999999999999")], false),
        ] {
            let refused = translated("http://a/", fields, ended).err();
            assert_eq!(refused, Some(Problem::LengthInvalid), "{fields:?}");
        }
        let length = |fields| translated("http://a/", fields, false).map(|(_, chunked)| chunked);
        assert_eq!(length(&[]), Ok(true));
        assert_eq!(length(&[("content-length", "5"), ("content-length", "5")]), Ok(false));
    }

    #[test]
    fn rfc_9113_8_2_1_blanks_around_a_value_are_refused() {
        for value in [" a", "a ", "\ta", "a\t", " "] {
            assert_eq!(
                problem("http://a/", &[("x", value)]),
                Some(Problem::FieldInvalid),
                "{value:?}"
            );
        }
        assert_eq!(problem("http://a/", &[("x", "a b"), ("y", "")]), None);
    }

    #[test]
    fn sizes_are_bounded_as_in_http_1() {
        let long = format!("http://a/{}", "x".repeat(40));
        assert_eq!(problem(&long, &[]), Some(Problem::TargetTooLong));
        let many = vec![("x", "y"); 120];
        assert_eq!(problem("http://a/", &many), Some(Problem::HeadTooLarge));
        let crumbs = vec![("cookie", "y=z"); 120];
        assert_eq!(problem("http://a/", &crumbs), None);
    }
}
