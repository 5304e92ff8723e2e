//! Failures as problem details (RFC 9457), whatever format was asked for:
//! clients of either tell an error by its status.

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// `path` names this occurrence.
pub(crate) fn response(failure: &Failure, path: &str) -> Response {
    let status = failure.status();
    let mut problem = Map::new();
    // With `about:blank` the title is the status's own phrase (RFC 9457, 4.2.1).
    problem.insert("type".into(), json!("about:blank"));
    problem.insert("title".into(), json!(status.canonical_reason().unwrap_or("Error")));
    problem.insert("status".into(), json!(status.as_u16()));
    problem.insert("detail".into(), json!(failure.detail()));
    problem.insert("instance".into(), json!(path.chars().take(200).collect::<String>()));
    if failure.may_have_been_done() {
        // For programs: every other failure says that nothing was changed.
        problem.insert("outcome".into(), json!("unknown"));
    }
    if let Some(field) = failure.field() {
        problem.insert("field".into(), json!(field));
    }
    (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        Value::Object(problem).to_string(),
    )
        .into_response()
}
