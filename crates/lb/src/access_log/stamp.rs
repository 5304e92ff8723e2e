//! The time of a line. It is the same second for many lines: only the
//! milliseconds are written anew.

use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A second of UTC in both notations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Second {
    /// RFC 3339 up to the seconds: `2026-11-24T11:52:44`.
    pub(super) rfc_3339: String,
    /// As Apache writes it: `24/Nov/2026:11:52:44 +0000`.
    pub(super) apache: String,
}

/// Now.
pub(super) struct Now<'a> {
    pub(super) second: &'a Second,
    pub(super) millis: u32,
}

/// The second of the last line.
#[derive(Default)]
pub(super) struct Stamp(Option<(u64, Second)>);

impl Stamp {
    pub(super) fn now(&mut self) -> Now<'_> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs();
        let current = self.0.take().filter(|(known, _)| *known == seconds);
        let (_, second) = self.0.insert(current.unwrap_or_else(|| (seconds, Second::of(seconds))));
        Now {
            second,
            millis: since.subsec_millis(),
        }
    }
}

impl Second {
    fn of(seconds: u64) -> Self {
        let (year, month, day) = date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        let name = MONTHS[(month as usize - 1) % 12];
        Self {
            rfc_3339: format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"),
            apache: format!("{day:02}/{name}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000"),
        }
    }
}

/// Year, month and day of a day since 1970-01-01, by eras of 400 years that
/// begin in March, so that a leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_as_the_calendar_has_them() {
        for (seconds, rfc_3339, apache) in [
            (0, "1970-01-01T00:00:00", "01/Jan/1970:00:00:00 +0000"),
            (951_782_399, "2000-02-28T23:59:59", "28/Feb/2000:23:59:59 +0000"),
            (951_782_400, "2000-02-29T00:00:00", "29/Feb/2000:00:00:00 +0000"),
            (1_764_000_000, "2025-11-24T16:00:00", "24/Nov/2025:16:00:00 +0000"),
            (4_107_542_399, "2100-02-28T23:59:59", "28/Feb/2100:23:59:59 +0000"),
            (4_107_542_400, "2100-03-01T00:00:00", "01/Mar/2100:00:00:00 +0000"),
        ] {
            let second = Second::of(seconds);
            assert_eq!((&*second.rfc_3339, &*second.apache), (rfc_3339, apache));
        }
    }

    #[test]
    fn a_stamp_follows_the_clock() {
        let mut stamp = Stamp(Some((0, Second::of(0))));
        assert_ne!(stamp.now().second, &Second::of(0));
    }
}
