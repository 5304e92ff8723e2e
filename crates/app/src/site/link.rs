//! Addresses in pages. Text that came from a station's submitter becomes a link
//! only when it is plainly http or https.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The address if a browser may follow it; never `javascript:` or the like.
pub(crate) fn web(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let clean = !rest.is_empty() && !url.chars().any(|c| c.is_control() || c.is_whitespace());
    (known && clean).then_some(url)
}

/// The host of an address, to show instead of the whole.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.strip_prefix("www.").unwrap_or(host)
}

/// The page of search results for what is given; empty values are left out.
pub(crate) fn search(pairs: &[(&str, &str)]) -> String {
    let mut link = String::from("/search");
    let mut separator = '?';
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        link.push(separator);
        link.push_str(key);
        link.push('=');
        link.extend(utf8_percent_encode(value, QUERY));
        separator = '&';
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_addresses_are_links() {
        for good in ["http://a.si/x?y#z", "HTTPS://a.si:8000/;stream"] {
            assert_eq!(web(good), Some(good));
        }
        for bad in [
            "",
            "javascript:alert(1)",
            "javascript://a.si/%0aalert(1)",
            "data:text/html,x",
            "//a.si",
            "http://",
            "http://a b",
            " http://a.si",
            "http://a.si/\n",
            "ftp://a.si",
        ] {
            assert_eq!(web(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_host_is_shown_without_what_hides_it() {
        assert_eq!(host("https://www.arrow.nl/x"), "arrow.nl");
        assert_eq!(host("https://bank.si@evil.example/"), "evil.example");
    }

    #[test]
    fn search_links_are_encoded_and_short() {
        assert_eq!(search(&[("q", "a&b=c d"), ("tag", "")]), "/search?q=a%26b%3Dc%20d");
        assert_eq!(search(&[]), "/search");
    }
}
