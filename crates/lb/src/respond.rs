//! The balancer's own answers: a status for each problem, in one match, and
//! small pages that need nothing from anywhere else.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::config::{ErrorForm, ErrorsConfig};
use crate::problem::Problem;
use crate::request::id;

/// Methods named in `Allow` where one is refused.
const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// The status that says it best.
pub(crate) fn status(problem: Problem) -> StatusCode {
    use Problem as P;
    match problem {
        // RFC 9112 3.2: a server must answer 400 to any of the three.
        P::HostMissing | P::HostRepeated | P::HostInvalid => StatusCode::BAD_REQUEST,
        P::RequestLineInvalid | P::FieldInvalid | P::TargetInvalid => StatusCode::BAD_REQUEST,
        // RFC 9112 6.1 and 6.3: two lengths are how requests are smuggled.
        P::LengthAmbiguous | P::LengthInvalid | P::TransferEncodingInvalid => StatusCode::BAD_REQUEST,
        P::BodyMalformed => StatusCode::BAD_REQUEST,
        // As nginx says it: no HTTPS client takes this for an answer.
        P::PlainHttp => StatusCode::BAD_REQUEST,
        // RFC 9112 6.1: a coding that is not understood.
        P::TransferCodingUnknown => StatusCode::NOT_IMPLEMENTED,
        P::HeadTooSlow | P::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
        P::TargetTooLong => StatusCode::URI_TOO_LONG,
        P::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        P::ExpectationUnknown => StatusCode::EXPECTATION_FAILED,
        P::VersionUnknown => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        P::MethodRefused => StatusCode::METHOD_NOT_ALLOWED,
        // RFC 9220 3: so of a protocol that is not known.
        P::ConnectRefused | P::ProtocolUnknown => StatusCode::NOT_IMPLEMENTED,
        P::NoRoute => StatusCode::NOT_FOUND,
        P::NoServer | P::TooManyHeads | P::Overloaded | P::QueueFull | P::QueueTimeout => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        P::ConnectFailed | P::ConnectionLost | P::AnswerCut | P::ServerLost | P::AnswerMalformed | P::NotSwitched => {
            StatusCode::BAD_GATEWAY
        }
        P::ConnectTimeout | P::FirstByteTimeout | P::RequestTimeout => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// An error answer to the request with this id, which the caller adds as a
/// header.
pub(crate) fn problem(problem: Problem, form: ErrorForm, errors: &ErrorsConfig, id: &HeaderValue) -> Response<Bytes> {
    let status = status(problem);
    let (content_type, body) = page(status, problem, form, errors, id);
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, ALLOWED);
    }
    if problem.ends_connection() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// An error answer as bytes, for a connection that HTTP has to be put aside on.
/// `hsts` is what it says of plain HTTP.
pub(crate) fn raw(problem: Problem, errors: &ErrorsConfig, hsts: Option<&HeaderValue>) -> Vec<u8> {
    let status = status(problem);
    let id = id::generate();
    let (content_type, body) = page(status, problem, ErrorForm::Html, errors, &id);
    let retry = match status {
        StatusCode::SERVICE_UNAVAILABLE => "retry-after: 1\r\n",
        _ => "",
    };
    let hsts = hsts.map_or(String::new(), |value| {
        format!("strict-transport-security: {}\r\n", text(value))
    });
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         x-request-id: {}\r\n{retry}{hsts}connection: close\r\n\r\n{body}",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        body.len(),
        text(&id),
    )
    .into_bytes()
}

/// The balancer's own health, for probes from outside.
pub(crate) fn health(draining: bool) -> Response<Bytes> {
    let (status, text) = if draining {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ok")
    };
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A permanent redirect that keeps method and body (RFC 9110 15.4.9).
pub(crate) fn redirect(location: HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, location);
    response
}

/// The last stop of an OPTIONS request (RFC 9110 7.6.2).
pub(crate) fn options() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, ALLOWED);
    response
}

fn page(
    status: StatusCode,
    problem: Problem,
    form: ErrorForm,
    errors: &ErrorsConfig,
    id: &HeaderValue,
) -> (&'static str, String) {
    let title = status.canonical_reason().unwrap_or("Error");
    let code = status.as_str();
    match form {
        ErrorForm::Html => (
            "text/html; charset=utf-8",
            errors.page(status, text(id)).unwrap_or_else(|| format!(
                "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{code} {title}</title>\
                 <style>body{{font:1rem/1.5 system-ui,sans-serif;margin:15vh auto;max-width:36rem;padding:0 1rem}}</style>\
                 <h1>{code} {title}</h1><p>Sorry: {problem}.</p></html>\n"
            )),
        ),
        ErrorForm::Json => (
            "application/problem+json",
            format!("{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{code},\"detail\":\"{problem}\"}}\n"),
        ),
    }
}

/// A request's id, or another value that was made or checked here.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("none")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: HeaderValue = HeaderValue::from_static("id");

    #[test]
    fn json_pages_are_json() {
        for problem in [Problem::NoServer, Problem::TransferCodingUnknown, Problem::NoRoute] {
            let (_, body) = page(status(problem), problem, ErrorForm::Json, &ErrorsConfig::default(), &ID);
            let value: serde_json::Value = serde_json::from_str(&body).expect(&body);
            assert_eq!(value["status"], status(problem).as_u16());
        }
    }

    #[test]
    fn an_unavailable_pool_says_when_to_come_back() {
        let response = problem(Problem::NoServer, ErrorForm::Html, &ErrorsConfig::default(), &ID);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
    }
}
