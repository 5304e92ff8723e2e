//! What must hold for whatever bytes a stranger sends, in a form that a fuzzer
//! can drive: each function takes bytes and panics where its invariant is broken.
//! The targets in fuzz/ call them, and so do properties in the tests, so that what
//! a long run looks for is looked for a little in every run.
//!
//! Compiled for tests and with the feature `fuzzing` only.

mod hyper_reads;
mod request;
mod strict;

#[cfg(test)]
mod tests;

pub use self::request::request;
pub use crate::connection::http2::invariant::http2_frames;
pub use crate::connection::proxy_protocol::invariant::proxy_protocol;

/// Sizes of pieces that a seed cuts a stream into: mostly small ones, so that
/// lines and numbers are cut within.
pub(crate) struct Cuts(u32);

impl Cuts {
    pub(crate) fn new(seed: u8) -> Self {
        Self(u32::from(seed).wrapping_mul(0x9e37_79b9) | 1)
    }

    /// The next piece of `rest`.
    pub(crate) fn piece<'a>(&mut self, rest: &mut &'a [u8]) -> &'a [u8] {
        // Xorshift: as good as a stream of numbers has to be here.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        let most = if self.0 & 0x80 == 0 { 4 } else { 64 };
        let size = (1 + (self.0 >> 8) as usize % most).min(rest.len());
        let (piece, after) = rest.split_at(size);
        *rest = after;
        piece
    }
}
