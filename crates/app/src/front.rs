//! The way of every request through the app server: which host, whether this
//! is the balancer's probe, within what deadline, with which headers, and what
//! is counted. Handlers know nothing of it.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use ::service::Shutdown;
use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::{IntoResponse, Response};
use catalog::NodeRole;
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Body as _;
use tokio::time::timeout;
use tower::ServiceExt;
use tracing::{debug, error};

use crate::consistency::Session;
use crate::failure::Failure;
use crate::host::Host;
use crate::metrics::Metrics;
use crate::state::{AppState, Caller};
use crate::{api, router, site};

/// The header that tells which instance answered.
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// Answers requests for both hosts.
pub(crate) struct Front {
    state: Arc<AppState>,
    metrics: Metrics,
    shutdown: Shutdown,
    served_by: HeaderValue,
    api: Router,
    site: Router,
}

impl Front {
    pub(crate) fn new(state: Arc<AppState>, metrics: Metrics, shutdown: Shutdown) -> Self {
        Self {
            served_by: HeaderValue::from_str(&state.instance).unwrap_or(HeaderValue::from_static("app")),
            api: router::api(state.clone()),
            site: router::site(state.clone()),
            state,
            metrics,
            shutdown,
        }
    }

    /// `peer` is who holds the other end of the connection.
    pub(crate) async fn answer(&self, mut request: Request<Body>, peer: Option<IpAddr>) -> Response {
        let started = Instant::now();
        let in_flight = self.metrics.begin();
        let host = Host::of(request.uri(), request.headers());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let caller = self.state.caller(peer, request.uri(), request.headers());
        let session = Session::begin(host, request.headers(), &self.state.tokens, &self.state.database);
        request.extensions_mut().insert(caller.clone());
        request.extensions_mut().insert(session.clone());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());

        let (mut response, route) = if path == "/healthz" {
            (self.health(), None)
        } else {
            let response = self.dispatch(host, request).await;
            let route = response.extensions().get::<MatchedPath>().cloned();
            match Failure::of(&response) {
                Some(failure) => {
                    log(&failure, &method, &path);
                    (self.refusal(host, &caller, &failure, &path), route)
                }
                None => (response, route),
            }
        };
        self.add_headers(host, &mut response);
        session.end(host, caller.scheme, &self.state.tokens, &mut response);
        let route = match &route {
            Some(route) => route.as_str(),
            None if path == "/healthz" => "/healthz",
            None => "none",
        };
        self.metrics.answered(host, route, response.status(), started.elapsed());
        drop(in_flight);
        response
    }

    /// How a failure looks on the host that was asked.
    fn refusal(&self, host: Host, caller: &Caller, failure: &Failure, path: &str) -> Response {
        let mut response = match host {
            Host::Api => api::problem::response(failure, path),
            Host::Site => site::pages::failure(&self.state, caller, failure),
        };
        failure.add_headers(&mut response);
        response
    }

    async fn dispatch(&self, host: Host, mut request: Request<Body>) -> Response {
        // Postgres cannot hold NUL and no page has one: say so before anything decodes it.
        if request.uri().path().contains("%00") {
            return Failure::BadRequest("The address holds a NUL character (%00).".into()).into_response();
        }
        if host == Host::Api && request.method() == Method::OPTIONS {
            return api::preflight();
        }
        let router = match host {
            Host::Api => {
                api::slashes::strip(request.uri_mut());
                self.api.clone()
            }
            Host::Site => self.site.clone(),
        };
        let mut deadline = self.state.limits.request_deadline();
        if !request.body().is_end_stream() {
            // A slow body has a bound and an error of its own: it must not look like a slow server.
            deadline += self.state.limits.body_deadline();
        }
        let answer = AssertUnwindSafe(router.oneshot(request)).catch_unwind();
        match timeout(deadline, answer).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(panic)) => Failure::Internal(format!("panic: {}", words(&*panic))).into_response(),
            Err(_) => Failure::Deadline {
                deadline_ms: deadline.as_millis() as u64,
            }
            .into_response(),
        }
    }

    /// For balancers: 503 as soon as the drain begins, and while every node of
    /// the database is gone after one had been there (another app server may
    /// still reach it).
    fn health(&self) -> Response {
        let nodes = self.state.database.nodes();
        let none_left = !nodes.is_empty() && nodes.iter().all(|node| node.role == NodeRole::Down);
        let (status, text) = if self.shutdown.has_begun() {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else if none_left && self.state.database_was_seen() {
            (StatusCode::SERVICE_UNAVAILABLE, "no database node answers\n")
        } else {
            (StatusCode::OK, "ok\n")
        };
        (status, [(header::CACHE_CONTROL, "no-store")], text).into_response()
    }

    fn add_headers(&self, host: Host, response: &mut Response) {
        match host {
            Host::Api => api::add_headers(response),
            Host::Site => site::headers::add(response),
        }
        let headers = response.headers_mut();
        headers.insert(SERVED_BY, self.served_by.clone());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.shutdown.has_begun() {
            // Tell the balancer not to reuse this connection for what it sends next.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

fn log(failure: &Failure, method: &Method, path: &str) {
    match failure.status() {
        status if status == StatusCode::INTERNAL_SERVER_ERROR => {
            let reason = match failure {
                Failure::Internal(reason) => reason.clone(),
                other => format!("{other:?}"),
            };
            error!(%method, path, reason, "request failed");
        }
        status => debug!(%method, path, %status, %failure, "request refused"),
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}
