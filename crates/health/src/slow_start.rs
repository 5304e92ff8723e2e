//! Slow start: a machine that comes back has cold caches and gets its share of the
//! traffic little by little.

use std::time::Duration;

/// How a share grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlowStart {
    /// From the first to the whole share. Zero: the whole share at once.
    pub length: Duration,
}

impl SlowStart {
    /// What a share is counted in: a whole one has so many parts.
    pub const WHOLE: u32 = 20;
    /// And the first so many: a tenth.
    pub const FIRST: u32 = 2;

    /// The share, in parts of [`Self::WHOLE`], of a machine that came back `ago`.
    /// Grows by equal steps and never shrinks.
    #[must_use]
    pub fn share(self, ago: Duration) -> u32 {
        if ago >= self.length {
            return Self::WHOLE;
        }
        let steps = u128::from(Self::WHOLE - Self::FIRST);
        let grown = ago.as_nanos() * steps / self.length.as_nanos().max(1);
        // Below `steps`, as `ago` is below the length.
        Self::FIRST + u32::try_from(grown).unwrap_or(0)
    }
}
