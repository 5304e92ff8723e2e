//! Request ids and trace ids: random, in hexadecimal, written one after the
//! other into blocks that are cut into header values. A worker makes one of
//! each for nearly every request, so neither a system call nor, as a rule, an
//! allocation may come with it.
//!
//! The generator is fast and not secret: who sees enough ids can tell the next
//! ones. Nothing is protected by them.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use rand::rngs::SmallRng;
use rand::{Rng, make_rng};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A value that is still in use keeps its block, so blocks are small: ids of
/// about ten requests. A block of which no value is left is used again.
const BLOCK_BYTES: usize = 1024;

thread_local! {
    static IDS: RefCell<Ids> = RefCell::new(Ids::new());
}

struct Ids {
    random: SmallRng,
    block: BytesMut,
}

impl Ids {
    fn new() -> Self {
        Self {
            random: make_rng(),
            block: BytesMut::new(),
        }
    }

    fn room_for(&mut self, bytes: usize) {
        if self.block.capacity() < bytes {
            self.block.reserve(BLOCK_BYTES);
        }
    }

    /// Never zero, which stands for no id (W3C Trace Context 3.2.2.3).
    fn push(&mut self) {
        let number = self.random.next_u64().max(1);
        self.block.extend_from_slice(&hex(number));
    }

    fn cut(&mut self) -> HeaderValue {
        let text: Bytes = self.block.split().freeze();
        HeaderValue::from_maybe_shared(text).unwrap_or_else(|_| HeaderValue::from_static("none"))
    }
}

fn hex(number: u64) -> [u8; 16] {
    let mut text = [0; 16];
    for (pair, byte) in text.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    text
}

/// A new request id: 128 random bits as 32 hexadecimal digits.
pub(crate) fn generate() -> HeaderValue {
    IDS.with_borrow_mut(|ids| {
        ids.room_for(32);
        ids.push();
        ids.push();
        ids.cut()
    })
}

/// A new `traceparent`: a trace begins here, and whether it is recorded is for
/// others to say (flags 00).
pub(super) fn generate_traceparent() -> HeaderValue {
    IDS.with_borrow_mut(|ids| {
        ids.room_for(55);
        ids.block.extend_from_slice(b"00-");
        ids.push();
        ids.push();
        ids.block.extend_from_slice(b"-");
        ids.push();
        ids.block.extend_from_slice(b"-00");
        ids.cut()
    })
}

/// Whether an id from a trusted proxy can be kept: 1 to 128 letters, digits,
/// dots, hyphens and underscores, so that no log is ever confused by it.
pub(crate) fn is_well_formed(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=128).contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_well_formed_and_not_like_the_last() {
        let (first, second) = (generate(), generate());
        assert!(is_well_formed(&first), "{first:?}");
        assert_eq!(first.len(), 32);
        assert_ne!(first, second);
    }

    #[test]
    fn ids_that_are_kept_stay_as_they_are_while_blocks_are_used_again() {
        let made: Vec<_> = (0..1000).map(|_| (generate(), generate_traceparent())).collect();
        let copies: Vec<_> = made
            .iter()
            .map(|(id, trace)| (id.as_bytes().to_vec(), trace.as_bytes().to_vec()))
            .collect();
        for _ in 0..1000 {
            generate();
        }
        let ids: std::collections::HashSet<_> = made.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(ids.len(), made.len());
        for ((id, trace), (id_before, trace_before)) in made.iter().zip(&copies) {
            assert_eq!((id.as_bytes(), trace.as_bytes()), (&id_before[..], &trace_before[..]));
        }
    }

    #[test]
    fn ids_that_could_confuse_a_log_are_not_kept() {
        for text in ["", "a b", "a\"b", "a;b", &"a".repeat(129)] {
            let value = HeaderValue::from_str(text).expect("a header value");
            assert!(!is_well_formed(&value), "{text:?}");
        }
    }
}
