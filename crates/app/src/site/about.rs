//! What this is and how to use it from a program.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use crate::failure::Failure;
use crate::site::page::{self, Page};
use crate::state::{AppState, Caller};

#[derive(Template)]
#[template(path = "about.html")]
struct About {
    page: Page,
}

/// The page; it needs no database.
pub(crate) async fn about(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Failure> {
    page::render(&About {
        page: Page::new(&state, &caller, "about", "About"),
    })
}
