//! How far a replica is behind, told without comparing clocks or trusting the time of the last
//! transaction, which on a quiet primary says nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Positions kept: at four a second, two minutes and more.
const KEPT: usize = 600;

/// Where the primary was and when we saw it there.
#[derive(Debug, Default)]
pub(super) struct Track {
    seen: VecDeque<(i64, Instant)>,
}

impl Track {
    /// Another primary, another history.
    pub(super) fn clear(&mut self) {
        self.seen.clear();
    }

    pub(super) fn enter(&mut self, position: i64, now: Instant) {
        match self.seen.back_mut() {
            // Standing still: whoever is there has all there is, as of now.
            Some((last, at)) if *last == position => *at = now,
            Some((last, _)) if *last > position => {}
            _ => {
                if self.seen.len() == KEPT {
                    self.seen.pop_front();
                }
                self.seen.push_back((position, now));
            }
        }
    }

    /// How old is what a replica at `position` shows, at most, as of the primary's last sample. `None` when that
    /// cannot be told: no primary was seen yet, or the replica is behind all that is kept. It may then be days old, as
    /// one is that was cut off before we began to watch, or one that crashed and replays what it had shown before.
    pub(super) fn lag(&self, position: i64, now: Instant) -> Option<Duration> {
        let (newest, _) = self.seen.back()?;
        if position >= *newest {
            return Some(Duration::ZERO);
        }
        let (_, at) = self.seen.iter().rev().find(|(seen, _)| *seen <= position)?;
        Some(now.saturating_duration_since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_as_old_as_the_last_position_it_has_reached() {
        let (mut track, start) = (Track::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(track.lag(5, at(0)), None);
        for (position, seconds) in [(100, 0), (100, 1), (200, 2), (300, 3)] {
            track.enter(position, at(seconds));
        }
        assert_eq!(track.lag(300, at(9)), Some(Duration::ZERO));
        assert_eq!(track.lag(250, at(4)), Some(Duration::from_secs(2)));
        assert_eq!(track.lag(100, at(4)), Some(Duration::from_secs(3)));
        assert_eq!(track.lag(50, at(4)), None, "older than what is kept: who knows how old");
    }
}
