//! More of what must be refused: what is known from attacks, by the name under
//! which it is, and its relatives.

use super::corpus::{Case, chunked, header, line, post};

pub(super) fn attacks() -> Vec<Case> {
    vec![
        (
            "CVE-2019-18277 (HAProxy): a vertical tab in the coding, beside a length",
            post("Content-Length: 6\r\nTransfer-Encoding:\x0bchunked\r\n", "0\r\n\r\nX"),
            400,
        ),
        (
            "CVE-2019-16789 (Waitress): a vertical tab behind the coding",
            post("Transfer-Encoding: chunked\x0b\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "CVE-2019-16276 (Go): a blank before the colon of a coding",
            post("Transfer-Encoding : chunked\r\nContent-Length: 6\r\n", "0\r\n\r\nX"),
            400,
        ),
        (
            "CVE-2022-32213 (Node.js): a coding that begins with chunked",
            post("Transfer-Encoding: chunkedchunked\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "CVE-2019-16785 (Waitress): a bare LF hides a coding in a value",
            post("X: y\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7: a coding in quotation marks",
            post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "CVE-2020-15049 (Squid): a length with a sign and blanks",
            post("Content-Length: +\t6\r\n", "abcdef"),
            400,
        ),
        (
            "CVE-2020-8287 (Node.js): two codings, of which the second hides the first",
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked-false\r\n",
                "0\r\n\r\n",
            ),
            400,
        ),
        (
            "CVE-2021-40346 (HAProxy): a name of 270 bytes that ends like a length",
            post(
                &format!(
                    "Content-Length0{}:\r\nContent-Length: 60\r\nContent-Length: 0\r\n",
                    "a".repeat(255)
                ),
                "",
            ),
            400,
        ),
        (
            "CVE-2022-24761 (Waitress): a chunk size with an underscore",
            chunked("1_0\r\n0123456789abcdef\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9110 5.6.1: chunked is followed by a comma and nothing",
            post("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "CVE-2022-32215 (Node.js): a coding in two lines, the first of them folded",
            post("Transfer-Encoding: chunked\r\n , identity\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "CVE-2023-25725 (HAProxy): an empty name, and everything behind it is lost",
            post(":\r\nContent-Length: 6\r\n", "abcdef"),
            400,
        ),
        (
            "CVE-2023-40225 (HAProxy): an empty length beside one that is not",
            post("Content-Length:\r\nContent-Length: 6\r\n", "abcdef"),
            400,
        ),
        (
            "CVE-2023-45539 (HAProxy): a fragment that ends in another path",
            line("GET /admin#.png HTTP/1.1"),
            400,
        ),
        (
            "RFC 9112 7.1.2: a trailer without a name",
            chunked("0\r\n: y\r\n\r\n"),
            400,
        ),
        (
            "CVE-2024-1135 (Gunicorn): codings in two lines that conflict",
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                "0\r\n\r\n",
            ),
            400,
        ),
        (
            "RFC 9110 5.1: NUL in the name of a length",
            post("Content-Length\0: 6\r\n", "abcdef"),
            400,
        ),
        (
            "CVE-2025-55315 (Kestrel): a chunk extension that ends in a bare LF",
            chunked("2;\nxx\r\n47\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
            400,
        ),
        (
            "CVE-2025-55315 (Kestrel): a chunk extension that ends in a bare CR",
            chunked("2;\rxx\r\n47\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
            400,
        ),
        (
            "TERM.SPILL: what ends a chunk is no CR LF",
            chunked("5\r\nhelloXX0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
            400,
        ),
        (
            "TERM.SPILL: a chunk ends in a bare LF",
            chunked("5\r\nhello\n0\r\n\r\n"),
            400,
        ),
        (
            "TE.TE: a coding that is nearly chunked",
            post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "TE.TE: a parameter behind chunked",
            post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"),
            400,
        ),
        (
            "CL.CL: a list of lengths that differ",
            post("Content-Length: 5, 6\r\n", "hello!"),
            400,
        ),
        ("CL.CL: a length and a half", post("Content-Length: 1.5\r\n", "a"), 400),
        (
            "CL.CL: a length with a blank in it",
            post("Content-Length: 1 0\r\n", "a"),
            400,
        ),
        (
            "RFC 9110 8.6: a length in other digits",
            post("Content-Length: \u{ff15}\r\n", "hello"),
            400,
        ),
        (
            "RFC 9112 3.2.2: an absolute target that is not the only host, with user information",
            line("GET http://a@b/ HTTP/1.1"),
            400,
        ),
        ("RFC 9112 3.2.3: an authority for GET", line("GET a:80 HTTP/1.1"), 400),
        ("RFC 9112 2.3: a version of three digits", line("GET / HTTP/1.10"), 400),
        ("RFC 9112 2.3: a version without a point", line("GET / HTTP/11"), 400),
        ("RFC 9112 2.3: HTTP/0.9 with its version", line("GET / HTTP/0.9"), 505),
        ("RFC 9112 2.3: HTTP/3 in plain text", line("GET / HTTP/3.0"), 505),
        ("RFC 9112 3: a tab before the version", line("GET /\tHTTP/1.1"), 400),
        ("RFC 9112 3: a blank before the method", line(" GET / HTTP/1.1"), 400),
        ("RFC 9112 3: a vertical tab for a blank", line("GET\x0b/ HTTP/1.1"), 400),
        ("RFC 9110 9.1: a method with a colon", line("GET: / HTTP/1.1"), 400),
        (
            "RFC 9110 9.1: a method in other letters",
            line("G\u{c9}T / HTTP/1.1"),
            400,
        ),
        ("RFC 9110 5.1: a name in other letters", header("H\u{f6}st: a"), 400),
        ("RFC 9110 5.1: a tab before the colon", header("X\t: y"), 400),
        ("RFC 9112 2.2: a bare CR between two fields", header("X: y\rZ: w"), 400),
        (
            "RFC 9112 11.1: a request in a value, split by a bare CR",
            header("X: y\r\rGET /smuggled HTTP/1.1\rHost: a"),
            400,
        ),
        (
            "RFC 3986 3.2.2: a Host with a comma",
            "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 9112 3.2: two Hosts that differ in letters alone",
            "GET / HTTP/1.1\r\nHost: a\r\nhost: A\r\n\r\n".into(),
            400,
        ),
        (
            "RFC 9112 3.2: a Host that is folded",
            "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n".into(),
            400,
        ),
        ("RFC 9112 7.1: an empty chunk size", chunked("\r\n0\r\n\r\n"), 400),
        (
            "RFC 9112 7.1: a blank before a chunk size",
            chunked(" 5\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a chunk size with a sign",
            chunked("+5\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a blank within a chunk size",
            chunked("1 0\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1: a bare CR after a chunk size",
            chunked("5\rhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1.1: NUL in a chunk extension",
            chunked("5;a=\0\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 7.1.1: an extension without an end",
            chunked(&format!("5;{}", "a".repeat(5000))),
            400,
        ),
        (
            "CVE-2023-46589 (Tomcat): a trailer that is larger than a head may be",
            chunked(&format!("0\r\nX: {}\r\n\r\n", "a".repeat(20_000))),
            400,
        ),
        (
            "RFC 9112 7.1.2: a trailer section without an end",
            chunked(&format!("0\r\n{}", "X: y\r\n".repeat(120))),
            400,
        ),
        (
            "RFC 9112 7.1.2: a blank before the colon of a trailer",
            chunked("0\r\nX : y\r\n\r\n"),
            400,
        ),
        (
            "RFC 9112 2.2: more empty lines than anybody needs",
            format!("{}{}", "\r\n".repeat(40), line("GET / HTTP/1.1")),
            400,
        ),
    ]
}
