//! The frame around every page: who serves it, where the API is, which assets
//! belong to it.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::failure::Failure;
use crate::site::assets;
use crate::state::{AppState, Caller};

/// What `base.html` needs.
pub(crate) struct Page {
    /// Before the product's name in the title; may be empty.
    pub(crate) title: String,
    /// Which entry of the navigation is this page.
    pub(crate) here: &'static str,
    /// What the search box in the head holds.
    pub(crate) search: String,
    pub(crate) instance: String,
    /// Empty when it cannot be told.
    pub(crate) api_base: String,
    pub(crate) css: &'static str,
    pub(crate) js: &'static str,
    pub(crate) icon: &'static str,
}

impl Page {
    pub(crate) fn new(state: &AppState, caller: &Caller, here: &'static str, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            here,
            search: String::new(),
            instance: state.instance.clone(),
            api_base: state.api_base(caller),
            css: assets::css(),
            js: assets::js(),
            icon: assets::icon(),
        }
    }
}

/// Renders a page.
pub(crate) fn render(template: &impl Template) -> Result<Response, Failure> {
    render_as(StatusCode::OK, template)
}

/// Renders a page with a status of its own.
pub(crate) fn render_as(status: StatusCode, template: &impl Template) -> Result<Response, Failure> {
    let html = template
        .render()
        .map_err(|error| Failure::Internal(format!("a template: {error}")))?;
    let mut response = (status, Html(html)).into_response();
    // Who comes back sees the present state; going back in history costs nothing.
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}
