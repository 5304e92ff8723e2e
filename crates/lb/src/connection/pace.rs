//! How fast a client has to be. Deadlines between two pieces alone let a client
//! hold its place for hours with a byte now and then.
//!
//! What a client moves buys it time to be waited for, at a configured rate, and it
//! begins with some on credit. When the credit is used up, the deadline is there:
//! no counting on the side, and no timer. Only time in which the client is waited
//! for counts, not that of a slow server.

use std::cell::Cell;

use crate::watch::NEVER;

/// What a request begins with, milliseconds.
const GRACE_MS: u64 = 5000;

/// One direction of one client.
#[derive(Debug)]
pub(super) struct Pace {
    /// 0: any will do.
    bytes_per_second: u64,
    /// Most that can be saved up, and what there is, in thousandths of a byte.
    most: u64,
    credit: Cell<u64>,
    waiting_since_ms: Cell<u64>,
}

impl Pace {
    /// `longest_ms` is how long a single wait may be in any case. No less can be
    /// saved up, so that whoever moves enough at a time is never cut for pausing.
    pub(super) fn new(bytes_per_second: u64, longest_ms: u64) -> Self {
        Self {
            bytes_per_second,
            most: bytes_per_second * (GRACE_MS + longest_ms),
            credit: Cell::new(bytes_per_second * GRACE_MS),
            waiting_since_ms: Cell::new(NEVER),
        }
    }

    /// A request begins.
    pub(super) fn restart(&self) {
        self.credit.set(self.bytes_per_second * GRACE_MS);
        self.waiting_since_ms.set(NEVER);
    }

    /// The client is waited for from now on. Answers for how long at most.
    pub(super) fn wait(&self, now_ms: u64) -> u64 {
        if self.bytes_per_second == 0 {
            return NEVER;
        }
        self.waiting_since_ms.set(now_ms);
        now_ms + self.credit.get() / self.bytes_per_second
    }

    /// The client has moved so many bytes.
    pub(super) fn moved(&self, now_ms: u64, bytes: usize) {
        if self.bytes_per_second == 0 {
            return;
        }
        let since_ms = self.waiting_since_ms.replace(NEVER);
        let spent = now_ms.saturating_sub(since_ms) * self.bytes_per_second;
        let left = self.credit.get().saturating_sub(spent);
        self.credit.set((left + bytes as u64 * 1000).min(self.most));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Moves `bytes` after each pause; answers when it was cut, if it was.
    fn cut_at(pace: &Pace, pieces: impl Iterator<Item = (u64, usize)>) -> Option<u64> {
        let mut now_ms = 1;
        for (pause_ms, bytes) in pieces {
            let due_ms = pace.wait(now_ms);
            now_ms += pause_ms;
            if now_ms > due_ms {
                return Some(due_ms);
            }
            pace.moved(now_ms, bytes);
        }
        None
    }

    #[test]
    fn a_drip_is_cut_soon_after_its_grace() {
        let pace = Pace::new(240, 15_000);
        let cut = cut_at(&pace, std::iter::repeat_n((1000, 1), 3600));
        assert!(cut.is_some_and(|at| (5000..6000).contains(&at)), "{cut:?}");
    }

    #[test]
    fn a_fast_beginning_does_not_pay_for_a_drip() {
        let pace = Pace::new(240, 15_000);
        let pieces = std::iter::once((0, 1 << 30)).chain(std::iter::repeat_n((1000, 1), 3600));
        let cut = cut_at(&pace, pieces);
        assert!(cut.is_some_and(|at| at < 25_000), "{cut:?}");
    }

    #[test]
    fn off_is_never() {
        assert_eq!(Pace::new(0, 15_000).wait(7), NEVER);
    }

    proptest! {
        #[test]
        fn whoever_keeps_the_rate_is_never_cut(pauses in prop::collection::vec(0..15_000u64, 1..200)) {
            let pace = Pace::new(240, 15_000);
            // Pays for each pause beforehand.
            let pieces = std::iter::once((0, 240 * 15)).chain(pauses.iter().map(|ms| (*ms, (ms * 240).div_ceil(1000) as usize)));
            prop_assert_eq!(cut_at(&pace, pieces), None);
        }
    }
}
