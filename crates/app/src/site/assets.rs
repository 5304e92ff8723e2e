//! Style, script and icon, inside the binary, under names that hold their hash:
//! a browser keeps them for good, and a new release has new names.

use std::io::Write;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

const FOREVER: &str = "public, max-age=31536000, immutable";
/// A name with another release's hash: while a release rolls out, a page of one
/// app server may ask another for its assets. Ours are better than none.
const FOR_A_MOMENT: &str = "public, max-age=10";

struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    body: &'static [u8],
    gzip: Vec<u8>,
    hash: String,
    link: String,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        asset(
            "radio",
            "css",
            "text/css; charset=utf-8",
            include_bytes!("../../assets/radio.css"),
        ),
        asset(
            "radio",
            "js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../assets/radio.js"),
        ),
        asset("icon", "svg", "image/svg+xml", include_bytes!("../../assets/icon.svg")),
    ]
});

fn asset(stem: &'static str, extension: &'static str, content_type: &'static str, body: &'static [u8]) -> Asset {
    let digest = Sha256::digest(body);
    let hash: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let gzip = encoder
        .write_all(body)
        .and_then(|()| encoder.finish())
        .expect("writing to memory does not fail");
    Asset {
        link: format!("/static/{stem}-{hash}.{extension}"),
        stem,
        extension,
        content_type,
        body,
        gzip,
        hash,
    }
}

/// Address of the style sheet.
pub(crate) fn css() -> &'static str {
    &ASSETS[0].link
}

/// Address of the script.
pub(crate) fn js() -> &'static str {
    &ASSETS[1].link
}

/// Address of the icon.
pub(crate) fn icon() -> &'static str {
    &ASSETS[2].link
}

/// Serves `/static/<stem>-<hash>.<extension>`.
pub(crate) async fn asset_by_name(Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let (asset, hash) = find(&file).ok_or(Failure::UnknownPath)?;
    let gzip = accepts_gzip(&headers);
    let etag = format!("\"{}{}\"", asset.hash, if gzip { "-gz" } else { "" });
    let cache = if hash == asset.hash { FOREVER } else { FOR_A_MOMENT };
    let mut common: Vec<(HeaderName, String)> = vec![
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, cache.into()),
        (header::VARY, "Accept-Encoding".into()),
    ];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)) {
        return Ok(with(common, StatusCode::NOT_MODIFIED.into_response()));
    }
    common.push((header::CONTENT_TYPE, asset.content_type.into()));
    if gzip {
        common.push((header::CONTENT_ENCODING, "gzip".into()));
        return Ok(with(common, asset.gzip.as_slice().into_response()));
    }
    Ok(with(common, asset.body.into_response()))
}

/// For browsers that look for it by themselves.
pub(crate) async fn favicon() -> Redirect {
    Redirect::temporary(icon())
}

/// Crawlers may read pages; the ways through search are endless, so not those.
pub(crate) async fn robots() -> &'static str {
    "User-agent: *\nDisallow: /search\n"
}

fn find(file: &str) -> Option<(&'static Asset, &str)> {
    let (stem, rest) = file.split_once('-')?;
    let (hash, extension) = rest.split_once('.')?;
    let asset = ASSETS.iter().find(|a| a.stem == stem && a.extension == extension)?;
    Some((asset, hash))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
    accepted.filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = weight.split_once('=').is_some_and(|(_, q)| q.trim().parse() == Ok(0.0));
            name.trim().eq_ignore_ascii_case("gzip") && !refused
        })
    })
}

fn with(headers: Vec<(HeaderName, String)>, mut response: Response) -> Response {
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
