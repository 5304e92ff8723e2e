//! Forms count only when they were sent from our own pages. The only cookie
//! gives no rights that could be stolen, but a stranger's page must not vote
//! with its visitors' addresses.

use http::{HeaderMap, header};

use crate::failure::Failure;
use crate::state::Caller;

/// # Errors
/// [`Failure::CrossSite`] when a browser says that another site sent this. A
/// client that says nothing is no browser, and speaks only for itself.
pub(crate) fn check(headers: &HeaderMap, caller: &Caller) -> Result<(), Failure> {
    if let Some(site) = headers.get("sec-fetch-site")
        && !matches!(site.as_bytes(), b"same-origin" | b"none")
    {
        return Err(Failure::CrossSite);
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let ours = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(&caller.authority));
    if ours { Ok(()) } else { Err(Failure::CrossSite) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a header value"));
        }
        let caller = Caller {
            client: "203.0.113.9".parse().expect("an address"),
            scheme: "http",
            authority: "www.radiodeck.si:8080".into(),
        };
        check(&headers, &caller).is_ok()
    }

    #[test]
    fn our_own_forms_count_and_those_of_others_do_not() {
        assert!(allowed(&[]));
        assert!(allowed(&[
            ("origin", "http://www.radiodeck.si:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(allowed(&[("sec-fetch-site", "none")]));
        assert!(!allowed(&[("origin", "http://evil.example")]));
        assert!(!allowed(&[("origin", "null")]));
        assert!(!allowed(&[("origin", "http://www.radiodeck.si")]));
        assert!(!allowed(&[("sec-fetch-site", "cross-site")]));
        assert!(!allowed(&[
            ("sec-fetch-site", "same-site"),
            ("origin", "http://www.radiodeck.si:8080")
        ]));
    }
}
