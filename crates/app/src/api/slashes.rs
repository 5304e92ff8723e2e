//! Slashes at the end of a path. Radio Browser ignores them and clients write
//! them, so they are gone before a route is looked for; nothing is redirected.

use http::Uri;
use http::uri::PathAndQuery;

/// Takes them off, in place. The root stays the root.
pub(crate) fn strip(uri: &mut Uri) {
    let path = stripped(uri.path());
    if path.len() == uri.path().len() {
        return;
    }
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    // Part of an address that was one is one; if not, the router sees it as it came.
    if let Ok(target) = PathAndQuery::try_from(target) {
        parts.path_and_query = Some(target);
        if let Ok(bare) = Uri::from_parts(parts) {
            *uri = bare;
        }
    }
}

fn stripped(path: &str) -> &str {
    let bare = path.trim_end_matches('/');
    if bare.is_empty() || bare.len() == path.len() {
        return path;
    }
    // One slash has a meaning: `/states/Germany/` is every state of Germany, and
    // `/states/Germany` each state with Germany in its name.
    let parts: Vec<&str> = bare.split('/').skip(1).collect();
    match parts[..] {
        ["states", _] | [_, "states", _] => &path[..=bare.len()],
        _ => bare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_end_mean_nothing_except_after_a_country() {
        for (given, expected) in [
            ("/", "/"),
            ("/?a=/", "/?a=/"),
            ("//", "//"),
            ("/json/stats", "/json/stats"),
            ("/json/stats/", "/json/stats"),
            ("/json/stats///?x=1/", "/json/stats?x=1/"),
            ("/json/stations/byname//", "/json/stations/byname"),
            ("/json/stations/byname/a%2F/", "/json/stations/byname/a%2F"),
            ("/json/states/", "/json/states"),
            ("/json/states/Germany/", "/json/states/Germany/"),
            ("/states/Germany//", "/states/Germany/"),
            ("/json/states/Germany/Bay/", "/json/states/Germany/Bay"),
            ("/json/states/states/Bay/", "/json/states/states/Bay"),
            ("/json/stations/bystate/states/", "/json/stations/bystate/states"),
            ("http://api.x.si/json/stats/?a", "http://api.x.si/json/stats?a"),
        ] {
            let mut uri: Uri = given.parse().expect("an address");
            strip(&mut uri);
            assert_eq!(uri.to_string(), expected, "{given}");
        }
    }
}
