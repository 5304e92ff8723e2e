//! Answers by status. Every status that can be passed on has a counter, so that
//! nothing is looked up or made while counting.

use http::StatusCode;

use super::{Counter, sum};

const LOWEST: u16 = 100;
const COUNT: usize = 500;

/// One worker's counts of 100 to 599.
#[derive(Debug)]
pub(crate) struct Codes([Counter; COUNT]);

impl Default for Codes {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counter::default()))
    }
}

impl Codes {
    pub(super) fn record(&self, status: StatusCode) {
        // Answers above 599 have been refused.
        let index = usize::from(status.as_u16().saturating_sub(LOWEST)).min(COUNT - 1);
        self.0[index].add(1);
    }

    /// The statuses that have been seen, added up over rows.
    pub(crate) fn seen<Row>(rows: &[Row], codes: impl Fn(&Row) -> &Self) -> Vec<(u16, u64)> {
        let total = |index: usize| sum(rows, |row| &codes(row).0[index]);
        let counted = (0..COUNT).map(|index| (LOWEST + index as u16, total(index)));
        counted.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_counted_apart() {
        let codes = Codes::default();
        for status in [100, 200, 200, 204, 418, 599] {
            codes.record(StatusCode::from_u16(status).expect("a status"));
        }
        let seen = Codes::seen(&[codes], |codes| codes);
        assert_eq!(seen, [(100, 1), (200, 2), (204, 1), (418, 1), (599, 1)]);
    }
}
