//! The API, wire-compatible with Radio Browser where Radio Browser has it:
//! clients that exist today work unmodified.
//!
//! [`ask`] reads a request (format, path, parameters), the file of the resource
//! answers it, [`record`] says how a thing looks on the wire, and [`json`] and
//! [`xml`] write it down.

pub(crate) mod ask;
pub(crate) mod categories;
pub(crate) mod click;
mod filters;
mod idempotency;
pub(crate) mod index;
mod json;
mod list;
mod negotiate;
mod params;
mod planted;
pub(crate) mod problem;
mod record;
pub(crate) mod servers;
pub(crate) mod slashes;
pub(crate) mod stations;
pub(crate) mod stats;
mod values;
pub(crate) mod vote;
mod xml;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

/// Answers a browser that asks whether it may ask (Fetch standard, CORS
/// preflight), and any other OPTIONS. Nothing here depends on cookies, since
/// sessions are in a header, so every origin may.
pub(crate) fn preflight() -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (header::ALLOW, "GET, HEAD, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// What every answer of the API says.
pub(crate) fn add_headers(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Radiodeck-Consistency, Retry-After, X-Served-By, X-Request-Id"),
    );
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    // An answer that a browser opens by itself must never run anything.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
}
