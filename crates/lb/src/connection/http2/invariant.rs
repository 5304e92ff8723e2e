//! The book on an HTTP/2 connection says the same however its bytes are cut.

use super::frames::PREFACE;
use super::ledger::{Breach, Ledger};
use crate::config::FloodConfig;
use crate::fuzzing::Cuts;

/// Few, so that a short input meets them.
const LIMITS: FloodConfig = FloodConfig {
    window_ms: 1000,
    resets: 4,
    abusive_resets: 3,
    emitted_resets: 4,
    pings: 3,
    settings: 3,
    continuations: 3,
    empty_data: 3,
    priorities: 3,
    window_updates: 3,
};
const MAX_STREAMS: u32 = 4;

/// What the book says in the end.
#[derive(Debug, PartialEq, Eq)]
struct Book {
    breach: Option<Breach>,
    owes: bool,
    is_in_head: bool,
    block_bytes: usize,
    last_stream: u32,
    to_boundary: usize,
}

/// Both directions of a connection by turns: each turn is a byte that says which
/// way (its highest bit) and how many bytes, and these. The first byte of all
/// says how they are cut.
///
/// # Panics
/// Where an invariant is broken.
pub fn http2_frames(data: &[u8]) {
    let Some((&seed, turns)) = data.split_first() else {
        return;
    };
    let whole = follow(turns, |bytes, feed| feed(bytes));
    let single = follow(turns, |bytes, feed| bytes.chunks(1).for_each(&mut *feed));
    assert_eq!(whole, single, "cutting changes the book");
    let mut cuts = Cuts::new(seed);
    let cut = follow(turns, |mut bytes, feed| {
        while !bytes.is_empty() {
            feed(cuts.piece(&mut bytes));
        }
    });
    assert_eq!(whole, cut, "cutting changes the book");
}

/// Enters all turns, each in the pieces that `cut` makes of it, up to the breach:
/// nothing behind that is read.
fn follow(mut turns: &[u8], mut cut: impl FnMut(&[u8], &mut dyn FnMut(&[u8]))) -> Book {
    let mut ledger = Ledger::new(LIMITS, MAX_STREAMS);
    ledger.received(PREFACE, 1);
    while let [turn, rest @ ..] = turns {
        let (bytes, rest) = rest.split_at(usize::from(turn & 0x7f).min(rest.len()));
        turns = rest;
        cut(bytes, &mut |piece| {
            if ledger.breach().is_some() {
                return;
            }
            if turn & 0x80 == 0 {
                ledger.received(piece, 1);
            } else {
                ledger.sent(piece);
            }
        });
    }
    Book {
        breach: ledger.breach(),
        // Behind a breach they depend on how much more of the last piece was read.
        owes: ledger.breach().is_none() && ledger.owes(),
        is_in_head: ledger.breach().is_none() && ledger.is_in_head(),
        block_bytes: ledger.breach().map_or_else(|| ledger.block_bytes(), |_| 0),
        last_stream: ledger.last_stream(),
        to_boundary: ledger.breach().map_or_else(|| ledger.to_boundary(), |_| 0),
    }
}
