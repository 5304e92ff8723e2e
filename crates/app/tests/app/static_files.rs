//! Style, script and icon.

use http::{Method, Response, StatusCode};

use crate::support::{deck, header, request};

async fn link(marker: &str) -> String {
    let html = deck().site("/about").await.into_body();
    let at = html.find(marker).unwrap_or_else(|| panic!("{marker}: {html}"));
    html[at..].split('"').next().expect("a link").to_owned()
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Response<String> {
    let mut ask = request(Method::GET, "www.radiodeck.localhost", path);
    for (name, value) in headers {
        ask = ask.header(*name, *value);
    }
    deck().send(ask.body(String::new()).expect("a request")).await
}

#[tokio::test]
async fn pages_name_files_that_are_kept_for_good() {
    for (marker, content_type) in [
        ("/static/radio-", "text/css; charset=utf-8"),
        ("/static/icon-", "image/svg+xml"),
    ] {
        let link = link(marker).await;
        let answer = get(&link, &[]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{link}");
        assert_eq!(
            header(&answer, "cache-control"),
            "public, max-age=31536000, immutable",
            "{link}"
        );
        assert!(header(&answer, "content-type").starts_with(content_type), "{link}");
        let tag = header(&answer, "etag").to_owned();
        assert!(tag.starts_with('"'), "{tag}");
        let known = get(&link, &[("if-none-match", &tag)]).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        assert!(known.body().is_empty());
    }
}

#[tokio::test]
async fn a_compressed_file_is_smaller_and_has_a_tag_of_its_own() {
    let link = link("/static/radio-").await;
    let plain = get(&link, &[]).await;
    let ask = request(Method::HEAD, "www.radiodeck.localhost", &link).header("accept-encoding", "br, gzip;q=0.8");
    let small = deck().send(ask.body(String::new()).expect("a request")).await;
    assert_eq!(header(&small, "content-encoding"), "gzip");
    assert_eq!(header(&small, "vary"), "Accept-Encoding");
    assert_ne!(header(&small, "etag"), header(&plain, "etag"));
    let bytes: usize = header(&small, "content-length").parse().expect("a length");
    assert!(bytes * 2 < plain.body().len());
    let refused = get(&link, &[("accept-encoding", "gzip;q=0")]).await;
    assert_eq!(header(&refused, "content-encoding"), "");
}

#[tokio::test]
async fn another_releases_name_gives_ours_for_a_moment() {
    let answer = get("/static/radio-0000000000000000.css", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "cache-control"), "public, max-age=10");
    for unknown in [
        "/static/radio.css",
        "/static/..%2f..%2fetc%2fpasswd",
        "/static/other-00.css",
    ] {
        assert_eq!(get(unknown, &[]).await.status(), StatusCode::NOT_FOUND, "{unknown}");
    }
}
