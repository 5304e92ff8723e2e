//! The invariants of the fuzz targets, a little of each in every run.

use proptest::prelude::*;

use super::*;

/// What streams are made of: whole lines, their parts, and what is between them.
const PARTS: [&str; 48] = [
    "GET / HTTP/1.1\r\n",
    "POST /a?b HTTP/1.1\r\n",
    "GET http://a/ HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "GET / HTTP/1.1\n",
    "GET /GET /b HTTP/1.1\r\n",
    "Host: a\r\n",
    "Host: a\n",
    "Content-Length: 3\r\n",
    "content-length: 0\r\n",
    "Content-Length: 3, 3\r\n",
    "Content-Length: +3\r\n",
    "Content-Length : 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding:\tchunked \r\n",
    "Transfer-Encoding: CHUNKED\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    "Expect: 100-continue\r\n",
    "x: y\r\n",
    "x:\u{e4}\t\r\n",
    " folded\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "\0",
    "abc",
    "abc\r\n",
    "3\r\n",
    "3\r\nabc\r\n",
    "3;x=\"y\"\r\n",
    "3;x\ry\r\n",
    "3 ;\r\n",
    "03\r\n",
    "0x3\r\n",
    "ffffffffffffffff\r\n",
    "0\r\n",
    "0\r\n\r\n",
    "#",
    ";",
    " ",
    ":",
];

fn stream() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PARTS[..]), 0..24).prop_map(|parts| parts.concat())
}

/// A good request with its end, so that what follows is met in every state.
fn good() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    ])
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(any::<u8>(), 0..12);
    (any::<bool>(), 0u8..11, 0u8..6, 0u8..8, payload).prop_map(|(sent, kind, flags, stream, payload)| {
        let mut turn = vec![
            (9 + payload.len() as u8) | (u8::from(sent) << 7),
            0,
            0,
            payload.len() as u8,
        ];
        turn.extend([kind, flags, 0, 0, 0, stream]);
        turn.extend(payload);
        turn
    })
}

proptest! {
    #[test]
    fn what_passes_the_scanner_has_one_reading(seed: u8, first in good(), second in stream()) {
        request(&[&[seed], first.as_bytes(), second.as_bytes()].concat());
    }

    #[test]
    fn any_bytes_that_pass_the_scanner_have_one_reading(
        seed: u8, first in good(), bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        request(&[&[seed], first.as_bytes(), &bytes].concat());
    }

    #[test]
    fn a_proxy_header_means_one_client(bytes in prop::collection::vec(any::<u8>(), 0..60), v2: bool, ip: [u8; 4]) {
        proxy_protocol(&bytes);
        let rest = bytes.len() as u16;
        let header = if v2 {
            [b"\r\n\r\n\0\r\nQUIT\n\x21\x11", &rest.to_be_bytes()[..], &bytes].concat()
        } else {
            format!("PROXY TCP4 {}.{}.{}.{} 1.1.1.1 {rest} 1\r\n", ip[0], ip[1], ip[2], ip[3]).into_bytes()
        };
        proxy_protocol(&header);
    }

    #[test]
    fn the_book_on_http2_is_the_same_however_frames_are_cut(
        seed: u8, turns in prop::collection::vec(frame(), 0..30), tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        http2_frames(&[&[seed], &turns.concat()[..], &tail].concat());
    }
}
