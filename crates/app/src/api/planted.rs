//! Votes that a page plants: `<img src=".../vote/...">` on a stranger's page
//! would vote with the address of whoever looks at it. A page may ask the API by
//! script (CORS, `Sec-Fetch-Mode: cors`), and a visitor may follow a link.

use http::{HeaderMap, HeaderName};

use crate::failure::Failure;

/// # Errors
/// [`Failure::Planted`] when a browser says that a page of another site embedded
/// this (Fetch Metadata). A client that says nothing is no browser, and speaks
/// only for itself.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Failure> {
    let said = |name: &'static str| {
        headers
            .get(HeaderName::from_static(name))
            .map_or(&b""[..], |value| value.as_bytes())
    };
    let planted = said("sec-fetch-site") == b"cross-site"
        && match said("sec-fetch-mode") {
            b"no-cors" => true,
            // Into the visitor's own window is a link; into anything else is a frame or an object.
            b"navigate" => said("sec-fetch-dest") != b"document",
            _ => false,
        };
    if planted { Err(Failure::Planted) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(site: &str, mode: &str, dest: &str) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("sec-fetch-site", site),
            ("sec-fetch-mode", mode),
            ("sec-fetch-dest", dest),
        ] {
            if !value.is_empty() {
                headers.insert(name, value.parse().expect("a header value"));
            }
        }
        check(&headers).is_ok()
    }

    #[test]
    fn a_page_may_ask_by_script_and_plant_nothing() {
        for (site, mode, dest) in [
            ("", "", ""),
            ("cross-site", "cors", "empty"),
            ("cross-site", "navigate", "document"),
            ("same-site", "no-cors", "image"),
            ("none", "navigate", "document"),
        ] {
            assert!(allowed(site, mode, dest), "{site} {mode} {dest}");
        }
        for (mode, dest) in [
            ("no-cors", "image"),
            ("no-cors", "script"),
            ("no-cors", "audio"),
            ("no-cors", "empty"),
            ("navigate", "iframe"),
            ("navigate", "object"),
        ] {
            assert!(!allowed("cross-site", mode, dest), "{mode} {dest}");
        }
    }
}
