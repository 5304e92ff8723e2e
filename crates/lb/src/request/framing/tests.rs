//! The scanner alone; tests/malformed shows what a client gets.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    head_bytes: 2048,
    target_bytes: 512,
};

/// Feeds `bytes` cut into pieces of `size`.
fn scan_in_pieces(bytes: &[u8], size: usize) -> Result<State, Problem> {
    let mut scanner = Scanner::new(LIMITS);
    for piece in bytes.chunks(size) {
        scanner.scan(piece).map_err(|refused| refused.problem)?;
    }
    Ok(scanner.state)
}

#[test]
fn well_framed_requests_end_between_requests_however_they_are_cut() {
    let bytes = b"\r\nGET /a HTTP/1.1\r\nhost: a\r\n\r\n\
        POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
        PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
        5;ext=\"x\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\n\
        GET /d HTTP/1.0\nHost: a\n\n";
    for size in 1..=bytes.len() {
        assert_eq!(scan_in_pieces(bytes, size), Ok(State::Lead), "pieces of {size}");
    }
}

#[test]
fn cve_2026_2833_nothing_behind_a_request_to_upgrade_is_read_or_passed_on_however_it_is_cut() {
    let head = b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n\
        GET /b HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n";
    let all = [&head[..], b"\0 no request\r\n"].concat();
    for size in 1..=all.len() {
        let mut scanner = Scanner::new(LIMITS);
        // As the socket does: what is not passed on is kept, and not shown again.
        let (mut passed, mut kept) = (0, 0);
        for piece in all.chunks(size) {
            let free = scanner.scan(piece).expect("well framed");
            passed += if free > 0 { kept + free } else { 0 };
            kept = if free > 0 {
                piece.len() - free
            } else {
                kept + piece.len()
            };
        }
        assert_eq!((passed, scanner.undecided()), (head.len(), Some(2)), "pieces of {size}");
        scanner.go_on();
        assert!(scanner.scan(&all[head.len()..]).is_err(), "pieces of {size}");
    }
}

#[test]
fn what_is_ambiguous_is_refused_however_it_is_cut() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(600));
    let large = format!("{head}X: {}\r\n", "a".repeat(2100));
    let cases = [
        (
            format!("{head}Content-Length: 1\r\n{chunked}"),
            Problem::LengthAmbiguous,
        ),
        (
            format!("{head}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
            Problem::LengthAmbiguous,
        ),
        (
            format!("{head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            Problem::LengthInvalid,
        ),
        (format!("{head}Content-Length: 1, 1\r\n\r\n"), Problem::LengthInvalid),
        (format!("{head}Content-Length:\r\n\r\n"), Problem::LengthInvalid),
        (
            format!("{head}Content-Length: 18446744073709551616\r\n\r\n"),
            Problem::LengthInvalid,
        ),
        (
            format!("{head}Transfer-Encoding: gzip, chunked\r\n\r\n"),
            Problem::TransferCodingUnknown,
        ),
        (
            format!("{head}Transfer-Encoding: chunked, gzip\r\n\r\n"),
            Problem::TransferEncodingInvalid,
        ),
        (
            format!("{head}Transfer-Encoding: chunked, chunked\r\n\r\n"),
            Problem::TransferEncodingInvalid,
        ),
        (
            format!("{head}Transfer-Encoding: \x0bchunked\r\n\r\n"),
            Problem::FieldInvalid,
        ),
        (
            format!("{head}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Problem::TransferEncodingInvalid,
        ),
        (
            format!("POST / HTTP/1.0\r\n{chunked}"),
            Problem::TransferEncodingInvalid,
        ),
        (format!("{head}X\r\n"), Problem::FieldInvalid),
        (format!("{head} folded\r\n"), Problem::FieldInvalid),
        (format!("{head}X: \0\r\n"), Problem::FieldInvalid),
        (format!("{head}{}", "X: y\r\n".repeat(100)), Problem::HeadTooLarge),
        ("\rGET / HTTP/1.1\r\n".into(), Problem::RequestLineInvalid),
        ("GET /a b HTTP/1.1\r\n".into(), Problem::RequestLineInvalid),
        ("GET /\x01 HTTP/1.1\r\n".into(), Problem::TargetInvalid),
        ("\r\n".repeat(40), Problem::RequestLineInvalid),
        (format!("{head}{chunked}x\r\n"), Problem::BodyMalformed),
        (format!("{head}{chunked}5\nhello"), Problem::BodyMalformed),
        (format!("{head}{chunked}0x5\r\n"), Problem::BodyMalformed),
        (format!("{head}{chunked}11111111111111111\r\n"), Problem::BodyMalformed),
        (format!("{head}{chunked}1\r\nab\r\n"), Problem::BodyMalformed),
        ("GET /#a HTTP/1.1\r\n".into(), Problem::TargetInvalid),
        ("GET / HTTP/2.0\r\n".into(), Problem::VersionUnknown),
        ("GET / HTTP/0.9\r\n".into(), Problem::VersionUnknown),
        (long, Problem::TargetTooLong),
        (large, Problem::HeadTooLarge),
    ];
    for (bytes, expected) in cases {
        for size in [1, 2, 3, 7, bytes.len()] {
            assert_eq!(
                scan_in_pieces(bytes.as_bytes(), size),
                Err(expected),
                "{bytes:?} in pieces of {size}"
            );
        }
    }
}

#[test]
fn a_good_request_before_a_bad_one_is_passed_on_whole() {
    let good = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut bytes = good.to_vec();
    bytes.extend_from_slice(b"GET /#x HTTP/1.1\r\n");
    let refused = Scanner::new(LIMITS).scan(&bytes).expect_err("refused");
    assert_eq!((refused.keep, refused.in_body), (good.len(), false));
}

#[test]
fn a_head_that_began_in_an_earlier_piece_keeps_nothing_of_this_one() {
    let mut scanner = Scanner::new(LIMITS);
    assert_eq!(scanner.scan(b"GET /"), Ok(0));
    assert_eq!(scanner.scan(b"#x HTTP/1.1\r\n").map_err(|refused| refused.keep), Err(0));
}

#[test]
fn a_head_without_its_end_is_told_from_what_comes_before_it() {
    let mut scanner = Scanner::new(LIMITS);
    let good = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(scanner.scan(good), Ok(good.len()));
    let two = [&good[..], b"\r\nGET /x"].concat();
    assert_eq!(scanner.scan(&two), Ok(good.len() + 2));
    assert_eq!(scanner.scan(b" HTTP/1.1\r\nHost"), Ok(0));
    assert_eq!(scanner.scan(b": a\r\n\r\n"), Ok(7));
    assert_eq!(scanner.carried_bytes(), 0, "a cut line's memory is given back");
}

#[test]
fn rfc_9112_7_1_only_cr_lf_ends_lines_and_sections_of_trailers() {
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "0\r\n\n",
        "0\r\nX: y\n\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: y\r\n\n",
        "0\r\n\r\r\n",
    ] {
        let bytes = format!("{head}{body}");
        for size in [1, 2, 3, bytes.len()] {
            let verdict = scan_in_pieces(bytes.as_bytes(), size);
            assert_eq!(verdict, Err(Problem::BodyMalformed), "{body:?} in pieces of {size}");
        }
    }
}

#[test]
fn trailers_are_bounded_as_heads_are_where_these_are_short() {
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    let trailers = format!("{head}X: {}\r\n\r\n", "y".repeat(LIMITS.head_bytes));
    assert_eq!(scan_in_pieces(trailers.as_bytes(), 100), Err(Problem::BodyMalformed));
}

proptest! {
    #[test]
    fn how_the_bytes_are_cut_changes_nothing(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "Host: a\r\n", "Content-Length: 3\r\n", "content-length: 0\r\n",
            "Transfer-Encoding: chunked\r\n", "\r\n", "\n", "abc", "3\r\n", "0\r\n", "\r", "x: y\r\n", "#", ";", " ",
        ]), 0..24),
        size in 1usize..9,
    ) {
        let bytes = pieces.concat();
        let whole = scan_in_pieces(bytes.as_bytes(), bytes.len().max(1));
        prop_assert_eq!(scan_in_pieces(bytes.as_bytes(), size), whole);
    }

    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), size in 1usize..50) {
        let _verdict = scan_in_pieces(&bytes, size);
    }
}
