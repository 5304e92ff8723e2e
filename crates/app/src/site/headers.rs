//! Headers of every answer of the site. The policy names all a page may do:
//! styles, scripts and forms of its own, and sound from anywhere. With no
//! `unsafe-inline` in it, a name that got through unescaped still runs nothing.

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

/// Content Security Policy, level 3.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    media-src http: https:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    // Not `no-referrer`: with it, browsers send forms with `Origin: null`, and `origin` would refuse them.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "autoplay=(self), camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// What a page says about itself unless it says something else: a reload or a
/// step back asks again, and no shared cache keeps it, since the footer and the
/// notices are for one reader.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Adds them to `response`.
pub(crate) fn add(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(CACHE_CONTROL);
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_page_may_run_nothing_inline_and_be_framed_by_nobody() {
        let mut response = Response::new(Body::empty());
        add(&mut response);
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("ASCII");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn what_an_answer_says_about_caching_stays() {
        let mut response = Response::new(Body::empty());
        let kept = HeaderValue::from_static("public, max-age=1");
        response.headers_mut().insert(header::CACHE_CONTROL, kept.clone());
        add(&mut response);
        assert_eq!(response.headers()[header::CACHE_CONTROL], kept);
    }
}
