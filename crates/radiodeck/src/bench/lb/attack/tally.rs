//! How attackers fare: how many are connected, and how their connections ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::measure::report::{Figure, Report};

/// Counted by attackers, read by who measures.
#[derive(Debug, Default)]
pub(super) struct Tally {
    open: AtomicUsize,
    ends: Mutex<Ends>,
}

/// Ends of connections by kind, such as `408`.
#[derive(Debug, Default, Clone)]
pub(super) struct Ends(BTreeMap<String, usize>);

/// A connection that is open, until it is dropped.
pub(super) struct Open<'a>(&'a Tally);

impl Tally {
    pub(super) fn enter(&self) -> Open<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(self)
    }

    pub(super) fn ended(&self, how: &str) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        *ends.0.entry(how.to_owned()).or_default() += 1;
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn ends(&self) -> Ends {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ends {
    pub(super) fn add(&mut self, others: &Self) {
        for (how, count) in &others.0 {
            *self.0.entry(how.clone()).or_default() += count;
        }
    }

    pub(super) fn count(&self, how: &str) -> usize {
        self.0.get(how).copied().unwrap_or(0)
    }

    pub(super) fn record(&self, name: &str, report: &mut Report) {
        for (how, count) in &self.0 {
            report.figure(Figure::plain(format!("{name}: attackers, {how}"), *count as f64, ""));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_add_up_by_kind() {
        let tally = Tally::default();
        let open = tally.enter();
        tally.ended("408");
        tally.ended("408");
        let mut ends = tally.ends();
        ends.add(&tally.ends());
        assert_eq!((tally.open(), ends.count("408"), ends.count("closed")), (1, 4, 0));
        drop(open);
        assert_eq!(tally.open(), 0);
    }
}
