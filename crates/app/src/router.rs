//! Every address that is answered, in two flat tables: one for the API, one for
//! the site.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use crate::api::ask::Ask;
use crate::api::{categories, click, index, servers, stations, stats, vote};
use crate::failure::Failure;
use crate::site::{about, assets, home, search, station};
use crate::state::AppState;

/// The API. Every address is there with the format in front (`/json/stats`) and
/// without, where `Accept` decides. Reads take POST as well: clients put their
/// parameters into the body when they are many. Slashes at the end of a path are
/// gone before it is looked up here ([`crate::api::slashes`]).
pub(crate) fn api(state: Arc<AppState>) -> Router {
    let mut router = Router::new().route("/", get(index::index));
    for format in ["/{format}", ""] {
        let at = |path: &str| format!("{format}{path}");
        router = router
            .route(&at("/stations"), read(stations::all))
            .route(&at("/stations/search"), read(stations::search))
            .route(&at("/stations/byurl"), read(stations::by_url))
            .route(&at("/stations/byuuid"), read(stations::by_uuid))
            .route(&at("/stations/byuuid/{term}"), read(stations::by_uuid))
            .route(&at("/countries"), read(categories::countries))
            .route(&at("/countries/{filter}"), read(categories::countries))
            .route(&at("/countrycodes"), read(categories::country_codes))
            .route(&at("/countrycodes/{filter}"), read(categories::country_codes))
            .route(&at("/codecs"), read(categories::codecs))
            .route(&at("/codecs/{filter}"), read(categories::codecs))
            .route(&at("/languages"), read(categories::languages))
            .route(&at("/languages/{filter}"), read(categories::languages))
            .route(&at("/tags"), read(categories::tags))
            .route(&at("/tags/{filter}"), read(categories::tags))
            .route(&at("/states"), read(categories::states))
            .route(&at("/states/{filter}"), read(categories::states))
            .route(&at("/states/{country}/"), read(categories::states))
            .route(&at("/states/{country}/{filter}"), read(categories::states))
            .route(&at("/stats"), read(stats::stats))
            .route(&at("/servers"), read(servers::servers))
            .route(&at("/url/{uuid}"), read(click::click))
            .route(&at("/vote/{uuid}"), read(vote::vote));
        for by in &stations::BY {
            let handler = read(move |ask: Ask| stations::by(by, ask));
            for path in ["", "/{term}"] {
                router = router.route(&at(&format!("/stations/{}{path}", by.path)), handler.clone());
            }
        }
        for top in &stations::TOP {
            let handler = read(move |ask: Ask| stations::top(top, ask));
            for path in ["", "/{count}"] {
                router = router.route(&at(&format!("/stations/{}{path}", top.path)), handler.clone());
            }
        }
    }
    finish(router.route("/v2/{format}/url/{uuid}", read(click::click)), state)
}

/// The site.
pub(crate) fn site(state: Arc<AppState>) -> Router {
    let router = Router::new()
        .route("/", get(home::home))
        .route("/search", get(search::search))
        .route("/station/{uuid}", get(station::station))
        .route("/station/{uuid}/vote", post(station::vote))
        .route("/station/{uuid}/click", post(station::click))
        .route("/about", get(about::about))
        .route("/static/{file}", get(assets::asset_by_name))
        .route("/favicon.ico", get(assets::favicon))
        .route("/robots.txt", get(assets::robots));
    finish(router, state)
}

fn read<H, T>(handler: H) -> MethodRouter<Arc<AppState>>
where
    H: Handler<T, Arc<AppState>> + Clone,
    T: 'static,
{
    get(handler.clone()).post(handler)
}

fn finish(router: Router<Arc<AppState>>, state: Arc<AppState>) -> Router {
    router
        .fallback(async || Failure::UnknownPath)
        .route_layer(from_fn(keep_route))
        .with_state(state)
}

/// Hands the pattern that matched to the front, which counts by it.
async fn keep_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await.into_response();
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}
