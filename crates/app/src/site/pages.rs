//! Failures as pages that say what happened and what to do now.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::failure::Failure;
use crate::site::page::{self, Page};
use crate::state::{AppState, Caller};

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    page: Page,
    code: u16,
    heading: &'a str,
    detail: String,
    /// Whether asking again may help.
    passing: bool,
}

/// The page for `failure`.
pub(crate) fn failure(state: &AppState, caller: &Caller, failure: &Failure) -> Response {
    let status = failure.status();
    let heading = match status {
        StatusCode::NOT_FOUND => "Nothing on this frequency",
        StatusCode::SERVICE_UNAVAILABLE => "Signal lost for a moment",
        StatusCode::FORBIDDEN => "That did not come from here",
        status if status.is_client_error() => "That cannot be tuned in",
        _ => "Something broke on our side",
    };
    let page = FailurePage {
        page: Page::new(state, caller, "", heading),
        code: status.as_u16(),
        heading,
        detail: failure.detail(),
        passing: status.is_server_error(),
    };
    page::render_as(status, &page).unwrap_or_else(|_| (status, heading).into_response())
}
