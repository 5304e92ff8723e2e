//! The root of the API: where things are, for whoever opens it in a browser.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::json;

use crate::state::{AppState, Caller};

/// A short map.
pub(crate) async fn index(State(state): State<Arc<AppState>>, Extension(caller): Extension<Caller>) -> Response {
    let at = |path: &str| format!("{}{path}", state.api_base(&caller));
    let about = match state.site_base(&caller) {
        site if site.is_empty() => None,
        site => Some(format!("{site}/about")),
    };
    let map = json!({
        "name": "Radiodeck API",
        "version": env!("CARGO_PKG_VERSION"),
        "compatible_with": "Radio Browser API",
        "about": about,
        "try": {
            "search": at("/json/stations/search?name=jazz&limit=5"),
            "most_played": at("/json/stations/topclick/10"),
            "tags": at("/json/tags?order=stationcount&reverse=true&limit=20"),
            "countries": at("/xml/countries"),
            "stats": at("/json/stats"),
        },
    });
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=60"),
    ];
    (headers, format!("{map:#}\n")).into_response()
}
