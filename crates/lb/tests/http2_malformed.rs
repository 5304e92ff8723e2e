//! Malformed requests of HTTP/2, each named after the section of RFC 9113 that
//! forbids it, with what it gets. None of them reaches a server.

mod support;

use support::frames::{GOAWAY, HEADERS, RST_STREAM, block, get};
use support::{App, Balancer, Raw};

const PROTOCOL_ERROR: u32 = 1;

/// What a malformed request gets.
#[derive(Debug, PartialEq)]
enum Outcome {
    Status(String),
    Reset(u32),
    /// For the whole connection, which RFC 9113 5.4.2 leaves to us.
    GoAway(u32),
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_request_is_refused_and_no_server_sees_it() {
    let app = App::saying("reached").await;
    let balancer = Balancer::in_front_of(&[&app], "", "").await;
    let refused = |status: &str| Outcome::Status(status.into());
    let reset = || Outcome::Reset(PROTOCOL_ERROR);
    // What HPACK's decoder already refuses ends the connection.
    let goaway = || Outcome::GoAway(PROTOCOL_ERROR);
    let (method, scheme, authority, path) = (
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/"),
    );
    let with = |field| vec![method, scheme, authority, path, field];
    // No table (RFC 7541 4.2): a status that comes again is written out again.
    let connect = || Raw::with_settings(balancer.address, &[(1, 0)]);
    let mut client = connect().await;
    let mut wrong = Vec::new();
    let cases = [
        (
            "8.3.1: neither :authority nor Host",
            vec![method, scheme, path],
            refused("400"),
        ),
        (
            "8.3.1: a Host that differs from :authority",
            with(("host", "b")),
            refused("400"),
        ),
        (
            "8.3.1: two Hosts",
            vec![method, scheme, path, ("host", "a"), ("host", "b")],
            refused("400"),
        ),
        (
            "8.3.1: user information",
            vec![method, scheme, (":authority", "u@a"), path],
            refused("400"),
        ),
        (
            "8.3.1: an authority that is none",
            vec![method, scheme, (":authority", "a b"), path],
            reset(),
        ),
        (
            "8.3.1: an empty :path",
            vec![method, scheme, authority, (":path", "")],
            reset(),
        ),
        (
            "8.3.1: a :path without a slash",
            vec![method, scheme, authority, (":path", "x")],
            reset(),
        ),
        (
            "8.3.1: an asterisk for GET",
            vec![method, scheme, authority, (":path", "*")],
            refused("400"),
        ),
        (
            "8.3.1: a blank in :path",
            vec![method, scheme, authority, (":path", "/ HTTP/1.1")],
            reset(),
        ),
        (
            "8.3.1: a line end in :path",
            vec![method, scheme, authority, (":path", "/\r\nx: y")],
            reset(),
        ),
        (
            "8.3.1: NUL in :path",
            vec![method, scheme, authority, (":path", "/\0")],
            reset(),
        ),
        (
            "8.3.1: DEL in :path",
            vec![method, scheme, authority, (":path", "/\x7f")],
            reset(),
        ),
        ("8.3.1: no :path", vec![method, scheme, authority], reset()),
        ("8.3.1: no :method", vec![scheme, authority, path], reset()),
        ("8.3.1: no :scheme", vec![method, authority, path], reset()),
        (
            "8.3.1: a scheme that is not HTTP",
            vec![method, (":scheme", "ftp"), authority, path],
            refused("400"),
        ),
        ("8.3.1: two paths", vec![method, scheme, authority, path, path], reset()),
        (
            "8.3: a pseudo-header after a header",
            vec![method, scheme, authority, ("x", "y"), path],
            reset(),
        ),
        (
            "8.3: an unknown pseudo-header",
            vec![method, scheme, authority, path, (":x", "y")],
            goaway(),
        ),
        (
            "8.3: a pseudo-header of answers",
            vec![method, scheme, authority, path, (":status", "200")],
            reset(),
        ),
        ("8.2.2: Connection", with(("connection", "close")), reset()),
        (
            "8.2.2: Transfer-Encoding",
            with(("transfer-encoding", "chunked")),
            reset(),
        ),
        ("8.2.2: Keep-Alive", with(("keep-alive", "1")), reset()),
        ("8.2.2: Proxy-Connection", with(("proxy-connection", "close")), reset()),
        ("8.2.2: Upgrade", with(("upgrade", "websocket")), reset()),
        ("8.2.2: TE other than trailers", with(("te", "gzip")), reset()),
        ("8.2.1: a capital in a name", with(("X-a", "y")), goaway()),
        ("8.2.1: a blank in a name", with(("x ", "y")), goaway()),
        ("8.2.1: a colon in a name", with(("x:", "y")), goaway()),
        ("8.2.1: a line end in a value", with(("x", "y\r\nz: 1")), goaway()),
        ("8.2.1: a bare LF in a value", with(("x", "y\nz")), goaway()),
        ("8.2.1: NUL in a value", with(("x", "y\0")), goaway()),
        ("8.2.1: a blank before a value", with(("x", " y")), refused("400")),
        ("8.2.1: a tab behind a value", with(("x", "y\t")), refused("400")),
        ("8.1.1: a length without a body", with(("content-length", "5")), reset()),
        (
            "8.1.1: a length that is no number",
            with(("content-length", "+0")),
            reset(),
        ),
        ("8.1.1: a list of lengths", with(("content-length", "0, 0")), reset()),
        (
            "8.5: CONNECT",
            vec![(":method", "CONNECT"), (":authority", "a:443")],
            refused("501"),
        ),
        (
            "RFC 9110 9.3.8: TRACE",
            vec![(":method", "TRACE"), scheme, authority, path],
            refused("405"),
        ),
        (
            "RFC 9220 3: a :protocol that is not known",
            vec![
                (":method", "CONNECT"),
                (":protocol", "connect-udp"),
                scheme,
                authority,
                path,
            ],
            refused("501"),
        ),
        (
            "RFC 8441 4: :protocol without :scheme and :path",
            vec![(":method", "CONNECT"), (":protocol", "websocket"), authority],
            reset(),
        ),
        (
            "RFC 8441 4: :protocol beside GET",
            vec![method, (":protocol", "websocket"), scheme, authority, path],
            reset(),
        ),
    ];
    for (index, (name, fields, expected)) in cases.into_iter().enumerate() {
        let stream = 2 * index as u32 + 1;
        client.request(stream, &block(&fields)).await;
        let answer = client
            .until(|frame| frame.kind == GOAWAY || frame.stream == stream && matches!(frame.kind, HEADERS | RST_STREAM))
            .await;
        let outcome = match answer.kind {
            HEADERS => Outcome::Status(status(&answer.payload)),
            RST_STREAM => Outcome::Reset(answer.code()),
            _ => {
                client = connect().await;
                Outcome::GoAway(answer.code())
            }
        };
        if outcome != expected {
            wrong.push(format!("{name}: {outcome:?} and not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(app.seen().is_empty(), "{:#?}", app.seen());
    client.request(1001, &get("/")).await;
    client.until(|frame| frame.stream == 1001 && frame.ends_stream()).await;
}

/// The status, which every server writes first (RFC 7541 6.1 and 6.2, Appendix A).
fn status(block: &[u8]) -> String {
    // A change of the table's size may come before (RFC 7541 6.3).
    let block = &block[block.iter().take_while(|byte| **byte & 0xe0 == 0x20).count()..];
    match block[0] {
        0x88 => "200".into(),
        0x89 => "204".into(),
        0x8b => "304".into(),
        0x8c => "400".into(),
        0x8d => "404".into(),
        0x8e => "500".into(),
        0x48 | 0x08 if block[1] == 3 => String::from_utf8_lossy(&block[2..5]).into_owned(),
        // Digits in the Huffman code are five bits, up to 2, or six.
        0x48 | 0x08 => {
            let bits: u64 = block[2..5].iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
            let (mut left, mut text) = (24, String::new());
            while text.len() < 3 {
                let five = bits >> (left - 5) & 31;
                if five < 3 {
                    text.push(char::from(b'0' + five as u8));
                    left -= 5;
                } else {
                    let six = bits >> (left - 6) & 63;
                    text.push(char::from(b'3' + (six as u8 - 0x19)));
                    left -= 6;
                }
            }
            text
        }
        other => format!("index {other:#x}"),
    }
}
