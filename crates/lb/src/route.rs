//! Finds the route of a request: the host exactly, then the longest path prefix.

use std::collections::HashMap;

use http::{HeaderValue, Uri};

use crate::config::{Config, ErrorForm, RouteConfig};

/// Where a request goes.
#[derive(Debug)]
pub(crate) struct Route {
    /// Path prefix without a trailing slash; empty takes every path.
    prefix: String,
    /// What happens there.
    pub(crate) target: Target,
    /// Form of error pages.
    pub(crate) errors: ErrorForm,
}

/// What happens to a request on a route.
#[derive(Debug)]
pub(crate) enum Target {
    /// A server of the pool with this index answers.
    Pool(usize),
    /// The client is sent to this host.
    Redirect(String),
}

/// All routes.
#[derive(Debug)]
pub(crate) struct Routes {
    by_host: HashMap<String, Vec<Route>>,
    any_host: Vec<Route>,
}

impl Routes {
    /// Builds the table from a configuration that has passed its check.
    pub(crate) fn new(config: &Config) -> Self {
        let mut routes = Self {
            by_host: HashMap::new(),
            any_host: Vec::new(),
        };
        for entry in &config.routes {
            let Some(route) = Route::new(entry, config) else {
                continue;
            };
            let list = if entry.host == "*" {
                &mut routes.any_host
            } else {
                routes.by_host.entry(entry.host.clone()).or_default()
            };
            list.push(route);
            list.sort_by_key(|route| std::cmp::Reverse(route.prefix.len()));
        }
        routes
    }

    /// The route of a request, if there is one.
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<&Route> {
        let find_in = |routes: &'_ [Route]| routes.iter().position(|route| route.takes(path));
        if let Some(routes) = self.by_host.get(host)
            && let Some(index) = find_in(routes)
        {
            return routes.get(index);
        }
        self.any_host.get(find_in(&self.any_host)?)
    }
}

impl Route {
    fn new(entry: &RouteConfig, config: &Config) -> Option<Self> {
        let target = match (&entry.pool, &entry.redirect) {
            (Some(name), _) => Target::Pool(config.pools.iter().position(|pool| pool.name == *name)?),
            (None, Some(host)) => Target::Redirect(host.clone()),
            (None, None) => return None,
        };
        Some(Self {
            prefix: entry.path.trim_end_matches('/').to_owned(),
            target,
            errors: entry.error_form(),
        })
    }

    fn takes(&self, path: &str) -> bool {
        match path.strip_prefix(&self.prefix) {
            Some(rest) => self.prefix.is_empty() || rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }
}

/// Where a redirect leads: path and query stay as they are.
pub(crate) fn location(scheme: &str, host: &str, port: &str, uri: &Uri) -> Option<HeaderValue> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('/') { path } else { "/" };
    let colon = if port.is_empty() { "" } else { ":" };
    HeaderValue::from_str(&format!("{scheme}://{host}{colon}{port}{path}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(text: &str) -> Routes {
        let config: Config = toml::from_str(text).expect("a configuration");
        service::Config::check(&config).expect("valid");
        Routes::new(&config)
    }

    #[test]
    fn the_longest_prefix_of_the_exact_host_wins() {
        let routes = routes(
            r#"
            pools = [{ name = "a" }, { name = "b" }, { name = "c" }]
            routes = [
                { host = "x", pool = "a" },
                { host = "x", path = "/api/", pool = "b" },
                { host = "*", path = "/any", pool = "c" },
            ]"#,
        );
        let pool = |host, path| {
            routes.find(host, path).map(|route| match route.target {
                Target::Pool(index) => index,
                Target::Redirect(_) => panic!("no redirect here"),
            })
        };
        assert_eq!(pool("x", "/"), Some(0));
        assert_eq!(pool("x", "/apix"), Some(0));
        assert_eq!(pool("x", "/api"), Some(1));
        assert_eq!(pool("x", "/api/y"), Some(1));
        assert_eq!(pool("y", "/any/y"), Some(2));
        assert_eq!(pool("y", "/"), None);
    }

    #[test]
    fn the_built_in_routes_know_both_zones_and_no_wildcard() {
        let routes = routes("");
        for zone in ["radiodeck.si", "radiodeck.localhost"] {
            for label in ["www", "api"] {
                assert!(routes.find(&format!("{label}.{zone}"), "/").is_some(), "{label}.{zone}");
            }
            let apex = routes.find(zone, "/").expect("the apex");
            assert!(matches!(&apex.target, Target::Redirect(host) if *host == format!("www.{zone}")));
            assert!(routes.find(&format!("other.{zone}"), "/").is_none());
        }
    }

    #[test]
    fn a_redirect_keeps_path_and_query_as_they_are() {
        let uri: Uri = "//x/%2f?q=%zz&r".parse().expect("a target");
        let location = location("http", "www.a", "8080", &uri).expect("a location");
        assert_eq!(location, "http://www.a:8080//x/%2f?q=%zz&r");
    }
}
