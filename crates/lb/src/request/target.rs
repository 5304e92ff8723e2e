//! The request's target (RFC 9112 3.2) and what it means for the host: an
//! absolute-form overrides the Host header, the path is never touched.

use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::host::{self, Authority};
use crate::problem::Problem;

/// Finds the one Host header and makes sure that its bytes are an authority.
fn host_header(headers: &HeaderMap) -> Result<&HeaderValue, Problem> {
    let mut values = headers.get_all(HOST).iter();
    let host = values.next().ok_or(Problem::HostMissing)?;
    match values.next() {
        Some(_) => Err(Problem::HostRepeated),
        None => Ok(host),
    }
}

/// Brings `uri` to origin-form and the Host header in line with it, and refuses
/// targets that do not fit the method.
pub(crate) fn normalise(method: &Method, uri: &mut Uri, headers: &mut HeaderMap) -> Result<(), Problem> {
    if *method == Method::CONNECT {
        return Err(Problem::ConnectRefused);
    }
    if *method == Method::TRACE {
        return Err(Problem::MethodRefused);
    }
    let host = host_header(headers)?;
    // The header must be valid even where the target overrides it.
    authority(host)?;
    let Some(target_authority) = uri.authority() else {
        return match uri.path() {
            "*" if *method == Method::OPTIONS => Ok(()),
            path if path.starts_with('/') => Ok(()),
            _ => Err(Problem::TargetInvalid),
        };
    };
    // RFC 9112 3.2.2: the target's host replaces the header's.
    if uri.scheme() != Some(&Scheme::HTTP) && uri.scheme() != Some(&Scheme::HTTPS) {
        return Err(Problem::TargetInvalid);
    }
    let value = HeaderValue::from_str(target_authority.as_str()).map_err(|_| Problem::HostInvalid)?;
    authority(&value)?;
    headers.insert(HOST, value);
    let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    // `http://a?q` has no path, origin-form needs one (RFC 9112 3.2.1).
    let path = match path.as_str() {
        text if text.starts_with('/') => path,
        text => PathAndQuery::try_from(format!("/{text}")).map_err(|_| Problem::TargetInvalid)?,
    };
    *uri = Uri::from(path);
    Ok(())
}

/// Reads a Host header that [`normalise`] has left.
pub(crate) fn authority(host: &HeaderValue) -> Result<Authority<'_>, Problem> {
    host::parse(host.as_bytes()).map_err(|_| Problem::HostInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(method: Method, target: &str, host: &str) -> Result<(String, String), Problem> {
        let mut uri: Uri = target.parse().map_err(|_| Problem::TargetInvalid)?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).expect("a value"));
        normalise(&method, &mut uri, &mut headers)?;
        let host = headers[HOST].to_str().expect("text").to_owned();
        Ok((uri.to_string(), host))
    }

    #[test]
    fn the_raw_path_is_left_alone() {
        for target in ["/", "/a/../b", "//evil.com/x", "/%2e%2E/%00?a=%zz&b=//", "/?", "/a?b?c"] {
            assert_eq!(normalised(Method::GET, target, "a"), Ok((target.into(), "a".into())));
        }
    }

    #[test]
    fn rfc_9112_3_2_2_an_absolute_target_overrides_the_host_header() {
        let expected = Ok(("/x?y".to_owned(), "b:81".to_owned()));
        assert_eq!(normalised(Method::GET, "http://b:81/x?y", "a"), expected);
        assert_eq!(normalised(Method::GET, "http://b", "a"), Ok(("/".into(), "b".into())));
        assert_eq!(
            normalised(Method::GET, "http://b?q", "a"),
            Ok(("/?q".into(), "b".into()))
        );
        assert_eq!(normalised(Method::GET, "http://b/", "a@c"), Err(Problem::HostInvalid));
        assert_eq!(normalised(Method::GET, "http://u:p@b/", "a"), Err(Problem::HostInvalid));
        assert_eq!(normalised(Method::GET, "ftp://b/", "a"), Err(Problem::TargetInvalid));
    }

    #[test]
    fn an_asterisk_is_for_options_only() {
        assert_eq!(normalised(Method::OPTIONS, "*", "a"), Ok(("*".into(), "a".into())));
        assert_eq!(normalised(Method::GET, "*", "a"), Err(Problem::TargetInvalid));
    }

    #[test]
    fn tunnels_and_traces_are_refused() {
        assert_eq!(
            normalised(Method::CONNECT, "b:443", "b:443"),
            Err(Problem::ConnectRefused)
        );
        assert_eq!(normalised(Method::TRACE, "/", "a"), Err(Problem::MethodRefused));
    }
}
