//! Routes: which host and path goes to which pool, or is sent elsewhere.

use std::collections::BTreeSet;

use serde::Deserialize;
use service::ConfigError;

use super::PoolConfig;
use crate::request::host;

/// One route. Either `pool` or `redirect` is set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteConfig {
    /// The host, or `*` for any that no other route names.
    pub host: String,
    /// Only paths below this one, whole segments: `/api` takes `/api` and
    /// `/api/x` and not `/apix`. The longest match wins.
    pub path: String,
    /// The pool that answers.
    pub pool: Option<String>,
    /// The host that clients are sent to by a 308, port, path and query kept.
    /// From `*` it must have a route of its own.
    pub redirect: Option<String>,
    /// Form of the balancer's own error pages. Not set: JSON when the host's
    /// first label is `api`, else HTML.
    pub errors: Option<ErrorForm>,
}

/// Form of an error page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorForm {
    /// A small page.
    Html,
    /// Problem details, RFC 9457.
    Json,
}

impl RouteConfig {
    /// The form of error pages, with the default resolved.
    #[must_use]
    pub fn error_form(&self) -> ErrorForm {
        self.errors.unwrap_or(if self.host.starts_with("api.") {
            ErrorForm::Json
        } else {
            ErrorForm::Html
        })
    }
}

/// Both zones: www and api to the pool `app`, the apex to www.
pub(super) fn defaults() -> Vec<RouteConfig> {
    let mut routes = Vec::new();
    for zone in ["radiodeck.localhost", "radiodeck.si"] {
        for label in ["www", "api"] {
            routes.push(RouteConfig {
                host: format!("{label}.{zone}"),
                pool: Some("app".into()),
                ..RouteConfig::default()
            });
        }
        routes.push(RouteConfig {
            host: zone.into(),
            redirect: Some(format!("www.{zone}")),
            ..RouteConfig::default()
        });
    }
    routes
}

pub(super) fn check(routes: &[RouteConfig], pools: &[PoolConfig]) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    for (index, route) in routes.iter().enumerate() {
        let key = |rest: &str| format!("routes[{index}].{rest}");
        let error = |rest: &str, message: String| Err(ConfigError::value(key(rest), message));
        if route.host != "*" && !is_canonical(&route.host) {
            return error(
                "host",
                format!(
                    "`{}` is no host name in small letters without port, nor `*`",
                    route.host
                ),
            );
        }
        if !route.path.is_empty() && !route.path.starts_with('/') {
            return error("path", format!("`{}` does not start with /", route.path));
        }
        if !seen.insert((&route.host, route.path.trim_end_matches('/'))) {
            return error("host", format!("`{}` has this path in two routes", route.host));
        }
        match (&route.pool, &route.redirect) {
            (Some(pool), None) => {
                if !pools.iter().any(|known| known.name == *pool) {
                    let names: Vec<_> = pools.iter().map(|pool| pool.name.as_str()).collect();
                    return error(
                        "pool",
                        format!("there is no pool `{pool}`; there are: {}", names.join(", ")),
                    );
                }
            }
            (None, Some(target)) => {
                if !is_canonical(target) || *target == route.host {
                    return error("redirect", format!("`{target}` is no other host name"));
                }
                // The redirect would come back to this route, for ever.
                if route.host == "*" && !routes.iter().any(|other| other.host == *target) {
                    return error("redirect", format!("`{target}` has no route of its own"));
                }
            }
            _ => return error("pool", "a route has either `pool` or `redirect`".into()),
        }
    }
    Ok(())
}

fn is_canonical(name: &str) -> bool {
    host::parse(name.as_bytes()).is_ok_and(|parsed| parsed.name == name && parsed.port.is_empty())
}
