//! How long to wait before a service that ended is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// Whoever has run this long has not failed at the start.
const SETTLED: Duration = Duration::from_secs(10);

/// Doubles from failure to failure, begins anew after a good while.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    last: Option<Duration>,
}

impl Backoff {
    /// The wait after a process that ran for `ran`.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        let wait = match self.last {
            Some(last) if ran < SETTLED => (last * 2).min(LONGEST),
            _ => FIRST,
        };
        self.last = Some(wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_begin_anew_after_a_good_run() {
        let mut backoff = Backoff::default();
        let at_once = Duration::from_millis(5);
        let waits: Vec<_> = (0..8).map(|_| backoff.after(at_once).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.after(Duration::from_secs(60)), FIRST);
        assert_eq!(backoff.after(at_once), FIRST * 2);
    }
}
