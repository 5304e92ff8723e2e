//! What must be refused, named after what forbids it.

use super::attacks::attacks;

/// Name, bytes, expected status. After each of them the connection is closed.
pub(super) type Case = (&'static str, String, u16);

pub(super) const HOST: &str = "Host: a\r\n";

pub(super) fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\n{HOST}{headers}\r\n{body}")
}

pub(super) fn line(line: &str) -> String {
    format!("{line}\r\n{HOST}\r\n")
}

pub(super) fn header(header: &str) -> String {
    format!("GET / HTTP/1.1\r\n{HOST}{header}\r\n\r\n")
}

pub(super) fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

pub(super) fn corpus() -> Vec<(&'static str, Vec<u8>, u16)> {
    let many: String = (0..120).map(|index| format!("X-{index}: y\r\n")).collect();
    let text = [
        // Host.
        ("RFC 9112 3.2: no Host", "GET / HTTP/1.1\r\n\r\n".into(), 400),
        (
            "RFC 9112 3.2: no Host with HTTP/1.0, which cannot be routed",
            "GET / HTTP/1.0\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 9112 3.2: two Hosts",
            format!("GET / HTTP/1.1\r\n{HOST}{HOST}\r\n"),
            400,
        ),
        (
            "RFC 9112 3.2: two Hosts beside an absolute target",
            format!("GET http://a/ HTTP/1.1\r\n{HOST}{HOST}\r\n"),
            400,
        ),
        (
            "RFC 9110 7.2: an empty Host",
            "GET / HTTP/1.1\r\nHost:\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 3986 3.2.2: a Host with a blank",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 3986 3.2.1: a Host with user information",
            "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 3986 3.2.3: a Host with a port that is none",
            "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 3986 3.2: a Host with a path",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 9110 4.2.4: a target with user information",
            line("GET http://u:p@a/ HTTP/1.1"),
            400,
        ),
        // Request line.
        ("RFC 9112 3: no version", line("GET /"), 400),
        ("RFC 9112 3: a blank in the target", line("GET /a b HTTP/1.1"), 400),
        ("RFC 9112 3: no target", line("GET HTTP/1.1"), 400),
        ("RFC 9112 3: two blanks", line("GET  / HTTP/1.1"), 400),
        ("RFC 9112 3.2.1: a target without a slash", line("GET a HTTP/1.1"), 400),
        ("RFC 9112 3.2: a fragment in the target", line("GET /a#b HTTP/1.1"), 400),
        ("RFC 9112 3.2.4: an asterisk for GET", line("GET * HTTP/1.1"), 400),
        (
            "RFC 9112 3.2.2: a scheme that is not HTTP",
            line("GET ftp://a/ HTTP/1.1"),
            400,
        ),
        ("RFC 9110 5.6.2: a method that is no token", line("G(T / HTTP/1.1"), 400),
        ("RFC 9110 15.6.6: HTTP/2.0 in plain text", line("GET / HTTP/2.0"), 505),
        (
            "RFC 9113 3.4: almost the preface of HTTP/2",
            "PRI * HTTP/2.0\r\nHost: a\r\n\r\n".into(),
            505,
        ),
        ("RFC 9112 2.3: a version in small letters", line("GET / http/1.1"), 400),
        ("RFC 9112 2.3: HTTP/0.9", "GET /\r\n\r\n".into(), 400),
        (
            "RFC 9112 2.2: a bare CR in the request line",
            line("GET /\rx HTTP/1.1"),
            400,
        ),
        (
            "RFC 9110 9.3.6: CONNECT",
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n".into(),
            501,
        ),
        // Fields.
        ("RFC 9112 5.1: a blank before the colon", header("X : y"), 400),
        (
            "RFC 9112 5.1: a blank before the colon of a length",
            header("Content-Length : 0"),
            400,
        ),
        ("RFC 9112 5.2: obs-fold", header("X: y\r\n z"), 400),
        (
            "RFC 9112 2.2: a blank before the first field",
            format!("GET / HTTP/1.1\r\n {HOST}\r\n"),
            400,
        ),
        ("RFC 9110 5.1: an empty field name", header(": y"), 400),
        ("RFC 9110 5.1: a field name that is no token", header("X@: y"), 400),
        ("RFC 9112 5: a line without a colon", header("X"), 400),
        ("RFC 9110 5.5: NUL in a value", header("X: a\0b"), 400),
        ("RFC 9110 5.5: a bare CR in a value", header("X: a\rb"), 400),
        ("RFC 9110 5.5: a control character in a value", header("X: a\x08b"), 400),
        (
            "RFC 9110 10.1.1: an expectation that is unknown",
            header("Expect: miracles\r\nConnection: close"),
            417,
        ),
        // Framing.
        (
            "RFC 9112 6.3: Content-Length, then Transfer-Encoding",
            post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nX"),
            400,
        ),
        (
            "RFC 9112 6.3: Transfer-Encoding, then Content-Length",
            post("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", "0\r\n\r\nX"),
            400,
        ),
        (
            "RFC 9112 6.3: the same in other letters",
            post("content-LENGTH: 6\r\ntransfer-ENCODING: Chunked\r\n", "0\r\n\r\nX"),
            400,
        ),
        (
            "RFC 9112 6.3: two lengths that differ",
            post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"),
            400,
        ),
        (
            "RFC 9112 6.3: a list of lengths",
            post("Content-Length: 1, 1\r\n", "a"),
            400,
        ),
        (
            "RFC 9110 8.6: a length with a sign",
            post("Content-Length: +1\r\n", "a"),
            400,
        ),
        (
            "RFC 9110 8.6: a negative length",
            post("Content-Length: -1\r\n", ""),
            400,
        ),
        (
            "RFC 9110 8.6: a hexadecimal length",
            post("Content-Length: 0x1\r\n", "a"),
            400,
        ),
        ("RFC 9110 8.6: an empty length", post("Content-Length:\r\n", ""), 400),
        (
            "RFC 9110 8.6: a length of 2^64",
            post("Content-Length: 18446744073709551616\r\n", ""),
            400,
        ),
        (
            "RFC 9112 6.1: Transfer-Encoding with HTTP/1.0",
            format!("POST / HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 6.3: chunked is not the last coding",
            post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 6.3: identity",
            post("Transfer-Encoding: identity\r\n", ""),
            400,
        ),
        (
            "RFC 9112 7.1: chunked twice",
            post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: chunked in two lines",
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
            400,
        ),
        (
            "RFC 9110 5.6.1: an empty member before chunked",
            post("Transfer-Encoding: , chunked\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9110 5.5: a vertical tab before chunked",
            post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 6.1: a coding that is unknown",
            post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
            501,
        ),
        // Chunks.
        (
            "RFC 9112 7.1: a chunk size that is no number",
            chunked("x\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a chunk size with 0x",
            chunked("0x5\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a negative chunk size",
            chunked("-5\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a chunk size of 2^64",
            chunked("10000000000000000\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a bare LF after a chunk size",
            chunked("5\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a chunk longer than its size",
            chunked("2\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: no CR LF after a chunk",
            chunked("5\r\nhello0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1.1: a bare CR in a chunk extension",
            chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        // Line ends: what a lenient reader takes for the end of a line, or of the
        // whole message, and a strict one does not.
        (
            "RFC 9112 7.1: a bare LF ends the trailer section",
            chunked("0\r\n\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1.2: a bare LF after a trailer",
            chunked("0\r\nX: y\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1.2: bare LFs after and behind a trailer",
            chunked("0\r\nX: y\n\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1.2: a bare CR in a trailer",
            chunked("0\r\nX: y\rz\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 5.2: obs-fold in a trailer",
            chunked("0\r\nX: y\r\n z\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1.2: a trailer without a colon",
            chunked("0\r\nX\r\n\r\n"),
            400,
        ),
        ("RFC 9112 2.2: two CRs before the LF", header("X: y\r"), 400),
        ("RFC 9112 2.2: CR CR LF for an empty line", header("X: y\r\n\r"), 400),
        (
            "RFC 9112 2.2: a bare CR before a request",
            format!("\r{}", line("GET / HTTP/1.1")),
            400,
        ),
        (
            "RFC 9112 7.1: a form feed after a chunk size",
            chunked("5\x0c\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        // Bytes.
        ("RFC 9112 3: NUL in the target", line("GET /\0 HTTP/1.1"), 400),
        ("RFC 9112 3: NUL in the method", line("G\0T / HTTP/1.1"), 400),
        (
            "RFC 9112 3: a control character in the target",
            line("GET /\x01 HTTP/1.1"),
            400,
        ),
        ("RFC 9112 3: DEL in the target", line("GET /\x7f HTTP/1.1"), 400),
        ("RFC 9112 3: a tab for a blank", line("GET\t/ HTTP/1.1"), 400),
        ("RFC 9112 3: no method", line(" / HTTP/1.1"), 400),
        ("RFC 9112 3: a blank after the version", line("GET / HTTP/1.1 "), 400),
        ("RFC 9110 5.5: DEL in a value", header("X: a\x7fb"), 400),
        ("RFC 9110 5.1: NUL in a name", header("X\0: y"), 400),
        ("RFC 9112 5.2: obs-fold with a tab", header("X: y\r\n\tz"), 400),
        (
            "RFC 9110 8.6: a length that leaves no room for framing",
            post("Content-Length: 18446744073709551615\r\n", ""),
            400,
        ),
        (
            "RFC 9112 3.2.2: an authority that is none",
            line("GET http://[::1/ HTTP/1.1"),
            400,
        ),
        // Sizes.
        (
            "RFC 9110 15.5.15: a target that is too long",
            line(&format!("GET /{} HTTP/1.1", "a".repeat(40_000))),
            414,
        ),
        (
            "RFC 9110 15.5.15: a target without an end",
            format!("GET /{}", "a".repeat(40_000)),
            414,
        ),
        (
            "RFC 6585 5: a head that is too large",
            header(&format!("X: {}", "a".repeat(60_000))),
            431,
        ),
        (
            "RFC 6585 5: a head without an end",
            format!("GET / HTTP/1.1\r\n{HOST}X: {}", "a".repeat(60_000)),
            431,
        ),
        ("RFC 6585 5: too many fields", header(&many), 431),
    ];
    text.into_iter()
        .chain(attacks())
        .map(|(name, bytes, status): Case| (name, bytes.into_bytes(), status))
        .collect()
}
