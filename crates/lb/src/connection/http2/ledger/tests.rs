use super::*;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(FloodConfig::default(), 128);
    ledger.received(PREFACE, 1);
    ledger
}

#[test]
fn what_was_done_in_an_earlier_window_is_forgotten() {
    let mut ledger = ledger();
    for second in 1..10 {
        for _ in 0..100 {
            ledger.received(&frame(PING, 0, 0, &[0; 8]), second * 1000 + 1);
        }
        assert_eq!(ledger.breach(), None);
    }
    ledger.received(&frame(PING, 0, 0, &[0; 8]), 9002);
    assert_eq!(ledger.breach(), Some(Breach::Pings));
}

#[test]
fn a_reset_counts_for_life_only_before_the_answer_began() {
    let mut ledger = ledger();
    for (round, stream) in (1u32..).step_by(2).take(60).enumerate() {
        let now_ms = round as u64 * 1000;
        ledger.received(&frame(HEADERS, 4, stream, &[0; 3]), now_ms);
        ledger.sent(&frame(HEADERS, 4, stream, &[0; 3]));
        ledger.received(&frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()), now_ms);
    }
    assert_eq!((ledger.breach(), ledger.owes()), (None, false));
    for (round, stream) in (1001u32..).step_by(2).take(51).enumerate() {
        assert_eq!(ledger.breach(), None);
        let now_ms = 100_000 + round as u64 * 1000;
        ledger.received(&frame(HEADERS, 4, stream, &[0; 3]), now_ms);
        ledger.received(&frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()), now_ms);
    }
    assert_eq!(ledger.breach(), Some(Breach::AbusiveResets));
}

#[test]
fn what_is_owed_ends_with_the_answer_or_the_goaway() {
    let mut ledger = ledger();
    for stream in [1, 3, 5] {
        ledger.received(&frame(HEADERS, 5, stream, &[0; 3]), 1);
    }
    ledger.sent(&frame(HEADERS, 4, 1, &[0; 3]));
    ledger.sent(&frame(DATA, 1, 1, b"hi"));
    ledger.sent(&frame(HEADERS, 5, 3, &[0; 3]));
    assert!(ledger.owes());
    ledger.sent(&crate::connection::http2::frames::go_away(3, NO_ERROR));
    assert!(!ledger.owes());
    assert_eq!(ledger.last_stream(), 3);
}

#[test]
fn a_failing_server_is_not_held_against_the_client() {
    let mut ledger = ledger();
    for _ in 0..1000 {
        ledger.sent(&frame(RST_STREAM, 0, 1, &INTERNAL_ERROR.to_be_bytes()));
    }
    assert_eq!(ledger.breach(), None);
    for _ in 0..501 {
        ledger.sent(&frame(RST_STREAM, 0, 1, &[0, 0, 0, 1]));
    }
    assert_eq!(ledger.breach(), Some(Breach::EmittedResets));
}

#[test]
fn a_fast_download_gives_reason_for_its_window_updates() {
    let mut ledger = ledger();
    for _ in 0..10_000 {
        ledger.sent(&frame(DATA, 0, 1, b"x"));
        ledger.received(&frame(WINDOW_UPDATE, 0, 1, &[0; 4]), 1);
    }
    assert_eq!(ledger.breach(), None);
}

#[test]
fn a_head_that_has_ended_takes_up_nothing_however_the_bytes_are_cut() {
    let head = frame(HEADERS, 4, 1, b"abc");
    let reset = frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
    let begun = [&head[..], &reset[..11]].concat();
    let mut whole = ledger();
    whole.received(&begun, 1);
    let mut cut = ledger();
    for byte in &begun {
        cut.received(&[*byte], 1);
    }
    assert_eq!((whole.block_bytes(), cut.block_bytes()), (0, 0));
}
