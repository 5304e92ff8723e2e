//! Lists and single things as responses. A long list goes out batch by batch as
//! the database gives it, so that memory does not grow with it; a short one is
//! one piece with its length.

use std::io;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use catalog::{Station, StationBatches};
use futures::{FutureExt, stream};
use http::{HeaderValue, Method, header};
use tracing::warn;

use crate::api::negotiate::Format;
use crate::api::record::{self, Named};
use crate::api::{json, xml};
use crate::failure::Failure;

/// How long an answer may be kept, by anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Not at all: it counted something, or is never the same.
    Never,
    /// So many seconds. Lists change when stations do, which nobody must see at
    /// once; it takes the edge off a page that asks again and again.
    Seconds(u32),
}

/// Writes a list in one format.
struct Writer {
    format: Format,
    /// Name of an element in XML.
    element: &'static str,
    empty: bool,
}

impl Writer {
    fn open(&self, out: &mut Vec<u8>) {
        match self.format {
            Format::Json => out.push(b'['),
            Format::Xml { .. } => out.extend_from_slice(xml::OPEN.as_bytes()),
        }
    }

    fn record(&mut self, out: &mut Vec<u8>, record: &[Named<'_>]) {
        match self.format {
            Format::Json => {
                if !self.empty {
                    out.push(b',');
                }
                json::object(out, record);
            }
            Format::Xml { .. } => xml::element(out, self.element, record),
        }
        self.empty = false;
    }

    fn close(&self, out: &mut Vec<u8>) {
        match self.format {
            Format::Json => out.push(b']'),
            Format::Xml { .. } => out.extend_from_slice(xml::CLOSE.as_bytes()),
        }
    }
}

/// A list that is in memory.
pub(crate) fn records<'a, R>(format: Format, element: &'static str, records: R, keep: Keep) -> Response
where
    R: IntoIterator,
    R::Item: AsRef<[Named<'a>]>,
{
    let mut writer = Writer {
        format,
        element,
        empty: true,
    };
    let mut out = Vec::new();
    writer.open(&mut out);
    for record in records {
        writer.record(&mut out, record.as_ref());
    }
    writer.close(&mut out);
    response(format, Body::from(out), keep)
}

/// One thing: an object in JSON, in XML an element within `<result>`.
pub(crate) fn one(format: Format, element: &'static str, record: &[Named<'_>], keep: Keep) -> Response {
    let mut out = Vec::new();
    match format {
        Format::Json => json::object(&mut out, record),
        Format::Xml { .. } => {
            out.extend_from_slice(xml::OPEN.as_bytes());
            xml::element(&mut out, element, record);
            out.extend_from_slice(xml::CLOSE.as_bytes());
        }
    }
    response(format, Body::from(out), keep)
}

/// Stations as they come. HEAD waits for no more than the first batch: only a
/// list that is whole by then tells its length.
pub(crate) async fn stations(
    format: Format,
    method: &Method,
    mut batches: StationBatches,
    keep: Keep,
) -> Result<Response, Failure> {
    let mut writer = Writer {
        format,
        element: "station",
        empty: true,
    };
    let mut head = Vec::new();
    writer.open(&mut head);
    let mut ended = !append(&mut writer, &mut head, batches.next().await.transpose()?);
    // A second batch tells a short list from a long one.
    if !ended && *method == Method::HEAD {
        match batches.next().now_or_never() {
            Some(None) => ended = true,
            Some(Some(Err(error))) => return Err(error.into()),
            // Nobody takes the rest; its reading ends with `batches`.
            Some(Some(Ok(_))) | None => {
                let unmeasured = Body::from_stream(stream::empty::<io::Result<Bytes>>());
                return Ok(response(format, unmeasured, keep));
            }
        }
    } else if !ended {
        ended = !append(&mut writer, &mut head, batches.next().await.transpose()?);
    }
    if ended {
        writer.close(&mut head);
        return Ok(response(format, Body::from(head), keep));
    }
    let rest = Rest {
        head: Some(head),
        batches: Some(batches),
        writer,
    };
    Ok(response(
        format,
        Body::from_stream(stream::unfold(rest, Rest::next)),
        keep,
    ))
}

/// Appends a batch; whether more may follow.
fn append(writer: &mut Writer, out: &mut Vec<u8>, batch: Option<Vec<Station>>) -> bool {
    let Some(batch) = batch else {
        return false;
    };
    for station in &batch {
        writer.record(out, &record::station(station));
    }
    true
}

/// What of a long list has not gone out.
struct Rest {
    head: Option<Vec<u8>>,
    /// `None` after the last batch.
    batches: Option<StationBatches>,
    writer: Writer,
}

impl Rest {
    async fn next(mut self) -> Option<(Result<Bytes, io::Error>, Self)> {
        if let Some(head) = self.head.take() {
            return Some((Ok(head.into()), self));
        }
        let batches = self.batches.as_mut()?;
        let mut out = Vec::new();
        match batches.next().await.transpose() {
            Ok(batch) => {
                if !append(&mut self.writer, &mut out, batch) {
                    self.writer.close(&mut out);
                    self.batches = None;
                }
                Some((Ok(out.into()), self))
            }
            Err(error) => {
                // The head has gone out with 200: all that is left is to break
                // off, so that nobody takes half a list for a whole one.
                warn!(%error, "a list broke off");
                self.batches = None;
                Some((Err(io::Error::other(error)), self))
            }
        }
    }
}

fn response(format: Format, body: Body, keep: Keep) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    headers.insert(
        header::CACHE_CONTROL,
        match keep {
            Keep::Never => HeaderValue::from_static("no-store"),
            Keep::Seconds(seconds) => HeaderValue::from_str(&format!("public, max-age={seconds}"))
                .unwrap_or(HeaderValue::from_static("no-store")),
        },
    );
    response
}
