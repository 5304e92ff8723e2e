//! What an operator can tell a running service to do, by POST on the admin listener.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

/// The parts of a path that its pattern names.
pub type ActionPath = BTreeMap<String, String>;

pub(crate) type Handler = Box<dyn Fn(&ActionPath) -> Result<Value, Refused> + Send + Sync>;

/// Why an action was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    status: StatusCode,
    reason: String,
}

impl Refused {
    /// What it was to be taken on is not there: 404.
    #[must_use]
    pub fn not_found(reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            reason: reason.into(),
        }
    }

    /// It cannot be taken: 422.
    #[must_use]
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            reason: reason.into(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, format!("{}\n", self.reason)).into_response()
    }
}

/// Takes an action.
pub(crate) fn take(handler: &Handler, path: &ActionPath, headers: &HeaderMap) -> Response {
    if is_from_a_page(headers) {
        return not_for_pages();
    }
    match handler(path) {
        Ok(value) => axum::Json(value).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// Every browser says where a POST comes from, and no operator does: a page that
/// somebody on this machine has open must not act for them.
pub(crate) fn is_from_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
}

pub(crate) fn not_for_pages() -> Response {
    (StatusCode::FORBIDDEN, "actions are not for web pages\n").into_response()
}
