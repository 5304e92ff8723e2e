//! The forms of a line. Whatever comes from outside is escaped: no request can
//! write a line of its own, or end a field before its time.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use http::{Method, StatusCode, Version};

use super::stamp::Now;

/// Of a longer field only so much is written: what waits has to be bounded.
const MAX_FIELD_BYTES: usize = 4096;

/// What is known at the end.
pub(super) struct Line<'a> {
    pub(super) client: IpAddr,
    /// `None` if what came was no request.
    pub(super) request: Option<Request<'a>>,
    pub(super) status: StatusCode,
    pub(super) sent_bytes: u64,
    pub(super) elapsed_us: u64,
    pub(super) pool: Option<&'a str>,
    pub(super) server: Option<SocketAddr>,
    pub(super) retries: u32,
    pub(super) request_id: Option<&'a [u8]>,
    pub(super) trace_id: Option<&'a str>,
    pub(super) tls: Option<&'a str>,
    pub(super) ended: &'static str,
}

/// What the client said.
pub(super) struct Request<'a> {
    pub(super) method: &'a Method,
    pub(super) target: &'a str,
    pub(super) version: Version,
    pub(super) host: Option<&'a [u8]>,
    pub(super) referer: Option<&'a [u8]>,
    pub(super) user_agent: Option<&'a [u8]>,
}

/// Writing into memory does not fail.
macro_rules! push {
    ($out:expr, $($arguments:tt)*) => {
        let _infallible = write!($out, $($arguments)*);
    };
}

/// Apache's combined format.
pub(super) fn combined(out: &mut Vec<u8>, now: &Now<'_>, line: &Line<'_>) {
    push!(out, "{} - - [{}] \"", line.client, now.second.apache);
    match &line.request {
        Some(request) => {
            push_hex_escaped(out, request.method.as_str().as_bytes());
            out.push(b' ');
            push_hex_escaped(out, request.target.as_bytes());
            out.push(b' ');
            out.extend_from_slice(version(request.version).as_bytes());
        }
        None => out.push(b'-'),
    }
    push!(out, "\" {} {} ", line.status.as_u16(), line.sent_bytes);
    let request = line.request.as_ref();
    let (referer, agent) = (request.and_then(|r| r.referer), request.and_then(|r| r.user_agent));
    for (value, end) in [(referer, &b" "[..]), (agent, b"\n")] {
        out.push(b'"');
        push_hex_escaped(out, value.unwrap_or(b"-"));
        out.push(b'"');
        out.extend_from_slice(end);
    }
}

/// One JSON object.
pub(super) fn json(out: &mut Vec<u8>, now: &Now<'_>, line: &Line<'_>) {
    push!(
        out,
        "{{\"time\":\"{}.{:03}Z\",\"client\":\"{}\"",
        now.second.rfc_3339,
        now.millis,
        line.client
    );
    let request = line.request.as_ref();
    push_text(out, "method", request.map(|r| r.method.as_str().as_bytes()));
    push_text(out, "host", request.and_then(|r| r.host));
    push_text(out, "path", request.map(|r| r.target.as_bytes()));
    push_text(out, "protocol", request.map(|r| version(r.version).as_bytes()));
    push!(
        out,
        ",\"status\":{},\"bytes\":{},\"duration_ms\":{}.{:03}",
        line.status.as_u16(),
        line.sent_bytes,
        line.elapsed_us / 1000,
        line.elapsed_us % 1000
    );
    push_text(out, "pool", line.pool.map(str::as_bytes));
    match line.server {
        Some(server) => {
            push!(out, ",\"server\":\"{server}\"");
        }
        None => out.extend_from_slice(b",\"server\":null"),
    }
    push!(out, ",\"retries\":{}", line.retries);
    push_text(out, "request_id", line.request_id);
    push_text(out, "trace_id", line.trace_id.map(str::as_bytes));
    push_text(out, "tls", line.tls.map(str::as_bytes));
    push_text(out, "referer", request.and_then(|r| r.referer));
    push_text(out, "user_agent", request.and_then(|r| r.user_agent));
    push!(out, ",\"ended\":\"{}\"}}\n", line.ended);
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

fn bounded(value: &[u8]) -> &[u8] {
    value.get(..MAX_FIELD_BYTES).unwrap_or(value)
}

/// Nearly every value, and so worth a short way.
fn is_plain(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// As Apache and nginx do it: `\xHH` for what is not plain text.
fn push_hex_escaped(out: &mut Vec<u8>, value: &[u8]) {
    let value = bounded(value);
    if is_plain(value) {
        return out.extend_from_slice(value);
    }
    for byte in value {
        match byte {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => {
                push!(out, "\\x{byte:02X}");
            }
            _ => out.push(*byte),
        }
    }
}

fn push_text(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    for part in [",\"", name, "\":"] {
        out.extend_from_slice(part.as_bytes());
    }
    let Some(value) = value.map(bounded) else {
        return out.extend_from_slice(b"null");
    };
    out.push(b'"');
    if is_plain(value) {
        out.extend_from_slice(value);
        return out.push(b'"');
    }
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
                // U+2028 and U+2029 end a line for some readers.
                '\0'..' ' | '\x7f' | '\u{2028}' | '\u{2029}' => {
                    push!(out, "\\u{:04x}", character as u32);
                }
                _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
