//! Which of the two hosts a request is for, and how the other one is called
//! from there. The first label decides, so that every zone works alike and the
//! app server also runs without a balancer in front.

use http::{HeaderMap, Uri, header};

/// One of the two faces of the app server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// JSON and XML for programs.
    Api,
    /// HTML for browsers.
    Site,
}

impl Host {
    /// First label `api` is the API, anything else, and no host at all, the site.
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let first_label = authority(uri, headers).split(['.', ':']).next().unwrap_or_default();
        if first_label.eq_ignore_ascii_case("api") {
            Self::Api
        } else {
            Self::Site
        }
    }

    /// For metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Site => "site",
        }
    }
}

/// Host and port as the client wrote them; an absolute URI wins over the header
/// (RFC 9112, 3.2.2). Empty when there is none.
pub(crate) fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a str {
    if let Some(authority) = uri.authority() {
        return authority.as_str();
    }
    headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The authority with its first label replaced: `www.example.org:8080` as `api`
/// is `api.example.org:8080`, and `localhost:8000` is `api.localhost:8000`.
/// `None` for an address, which has no labels, and for what is no host name.
pub(crate) fn sibling(authority: &str, label: &str) -> Option<String> {
    let name = authority.split(':').next().unwrap_or_default();
    let plausible = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && authority[name.len()..].bytes().all(|b| b.is_ascii_digit() || b == b':');
    if !plausible {
        return None;
    }
    let rest = ["www.", "api."]
        .iter()
        .find_map(|prefix| {
            let (head, tail) = authority.split_at_checked(prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then_some(tail)
        })
        .unwrap_or(authority);
    Some(format!("{label}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(value: &str) -> Host {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, value.parse().expect("a header value"));
        Host::of(&Uri::from_static("/"), &headers)
    }

    #[test]
    fn the_first_label_decides() {
        for name in ["api.radiodeck.si", "API.radiodeck.localhost:8080", "api", "api:80"] {
            assert_eq!(host(name), Host::Api, "{name}");
        }
        for name in [
            "www.radiodeck.si",
            "radiodeck.si",
            "apis.radiodeck.si",
            "127.0.0.1:8000",
            "x.api.si",
            "",
        ] {
            assert_eq!(host(name), Host::Site, "{name}");
        }
        assert_eq!(Host::of(&Uri::from_static("/"), &HeaderMap::new()), Host::Site);
    }

    #[test]
    fn an_absolute_target_wins_over_the_header() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "www.radiodeck.si".parse().expect("a header value"));
        assert_eq!(
            Host::of(&Uri::from_static("http://api.radiodeck.si/"), &headers),
            Host::Api
        );
    }

    #[test]
    fn the_other_host_is_told_from_this_one() {
        assert_eq!(sibling("www.radiodeck.si", "api").as_deref(), Some("api.radiodeck.si"));
        assert_eq!(
            sibling("WWW.radiodeck.localhost:8080", "api").as_deref(),
            Some("api.radiodeck.localhost:8080")
        );
        assert_eq!(sibling("localhost:8000", "api").as_deref(), Some("api.localhost:8000"));
        for hostile in ["", "127.0.0.1:8000", "[::1]:80", "a\"b", "a:b", "user@host"] {
            assert_eq!(sibling(hostile, "api"), None, "{hostile}");
        }
    }
}
