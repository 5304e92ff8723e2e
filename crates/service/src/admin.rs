//! The admin listener: `/live`, `/ready`, `/metrics`, `/status`, `POST /reload` and
//! the service's actions, apart from its own port so that load on one never hides
//! the other.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::Context;
use crate::action::{self, ActionPath};

/// Scrapers, probes and a board: more at once is a mistake somewhere.
const MAX_CONNECTIONS: usize = 256;
/// A connection lives this long at the most.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(60);

/// Answers until the process ends: the operator wants to see a drain, too.
pub async fn serve(listener: TcpListener, context: Arc<Context>) {
    let router = router(context);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "admin listener cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), service);
            if let Ok(Err(error)) = timeout(CONNECTION_DEADLINE, connection).await {
                debug!(%error, "admin connection ended");
            }
            drop(permit);
        });
    }
}

fn router(context: Arc<Context>) -> Router {
    let mut router = Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .route("/reload", post(reload));
    for (index, (path, _)) in context.actions.iter().enumerate() {
        let act = move |State(context): State<Arc<Context>>, Path(path): Path<ActionPath>, headers: HeaderMap| async move {
            let (_, handler) = &context.actions[index];
            action::take(handler, &path, &headers)
        };
        router = router.route(path, post(act));
    }
    router.with_state(context)
}

async fn ready(State(context): State<Arc<Context>>) -> Response {
    match context.readiness.check() {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics(State(context): State<Arc<Context>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &context.metrics) {
        Ok(()) => (
            [(
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// What changed, or why nothing did.
async fn reload(State(context): State<Arc<Context>>, headers: HeaderMap) -> Response {
    if action::is_from_a_page(&headers) {
        return action::not_for_pages();
    }
    match context.reload().await {
        Some(Ok(change)) => format!("reloaded: {change}\n").into_response(),
        Some(Err(reason)) => (StatusCode::UNPROCESSABLE_ENTITY, format!("not reloaded: {reason}\n")).into_response(),
        None => (StatusCode::NOT_FOUND, "this service has nothing to reload\n").into_response(),
    }
}

async fn status(State(context): State<Arc<Context>>) -> Response {
    axum::Json(context.status_json()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use serde_json::json;
    use tower::ServiceExt;

    use super::*;
    use crate::Refused;

    async fn post(path: &str, origin: Option<&str>) -> StatusCode {
        let mut context = Context::new("test");
        context.action("/things/{name}/forget", |path| match path["name"].as_str() {
            "a b" => Ok(json!({ "forgotten": "a b" })),
            _ => Err(Refused::not_found("there is no such thing")),
        });
        let mut request = Request::post(path);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = router(context.freeze()).oneshot(request).await.expect("answered");
        response.status()
    }

    #[tokio::test]
    async fn an_action_gets_what_its_path_names_and_may_refuse() {
        assert_eq!(post("/things/a%20b/forget", None).await, StatusCode::OK);
        assert_eq!(post("/things/c/forget", None).await, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_web_page_cannot_act() {
        for origin in ["http://evil.example", "null", "http://127.0.0.1:9000"] {
            let status = post("/things/a%20b/forget", Some(origin)).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{origin}");
        }
    }
}
