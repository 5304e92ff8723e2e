//! Ejection of a machine that fails live traffic while its probes may still
//! pass. Each ejection in a row is twice as long as the last, up to a cap; a
//! machine that then behaves for as long as it was out has one forgiven.

use std::time::Duration;

/// When to eject and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutlierRules {
    /// Failures in a row that eject. Zero: never.
    pub failures: u32,
    /// Length of a first ejection.
    pub base: Duration,
    /// No ejection is longer.
    pub longest: Duration,
}

/// The record of one machine. All times are since one epoch of the caller's
/// choice and must not go backwards.
#[derive(Debug, Clone)]
pub struct Outlier {
    rules: OutlierRules,
    failures: u32,
    /// Ejections that are not forgiven yet.
    ejections: u32,
    ejected_until: Option<Duration>,
    forgive_at: Option<Duration>,
}

impl Outlier {
    /// A machine without a record.
    #[must_use]
    pub fn new(rules: OutlierRules) -> Self {
        Self {
            rules,
            failures: 0,
            ejections: 0,
            ejected_until: None,
            forgive_at: None,
        }
    }

    /// Goes on by other rules; an ejection that has begun keeps its end.
    pub fn set_rules(&mut self, rules: OutlierRules) {
        self.rules = rules;
    }

    /// A request went well: the run of failures ends.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// A request failed by this machine's fault. `room` says whether one more
    /// may be ejected, see [`crate::may_eject`]. Answers the end of the
    /// ejection if this failure begins one.
    pub fn failed(&mut self, now: Duration, room: bool) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let due = self.rules.failures > 0 && self.failures >= self.rules.failures;
        if !due || !room {
            return None;
        }
        self.eject(now)
    }

    /// Ejects this machine for what is known of it from elsewhere, such as
    /// [`crate::RatioRules`]. Answers the end of the ejection, or nothing if it is
    /// out already.
    pub fn eject(&mut self, now: Duration) -> Option<Duration> {
        if self.ejected_until.is_some() {
            return None;
        }
        let length = self.length_of(self.ejections);
        self.failures = 0;
        self.ejections = self.ejections.saturating_add(1);
        self.forgive_at = None;
        self.ejected_until = Some(now + length);
        self.ejected_until
    }

    /// Time has passed. Answers true if an ejection ends here.
    pub fn tick(&mut self, now: Duration) -> bool {
        if self.forgive_at.is_some_and(|at| now >= at) {
            self.ejections = self.ejections.saturating_sub(1);
            self.forgive_at = (self.ejections > 0).then(|| now + self.length_of(self.ejections - 1));
        }
        match self.ejected_until {
            Some(until) if now >= until => {
                self.readmit(now);
                true
            }
            _ => false,
        }
    }

    /// Ends an ejection early, for instance because probes saw the machine come
    /// up again. Answers false if there was none.
    pub fn readmit(&mut self, now: Duration) -> bool {
        let was_ejected = self.ejected_until.take().is_some();
        if was_ejected {
            self.failures = 0;
            self.forgive_at = Some(now + self.length_of(self.ejections.saturating_sub(1)));
        }
        was_ejected
    }

    /// When the ejection ends, if there is one.
    #[must_use]
    pub fn ejected_until(&self) -> Option<Duration> {
        self.ejected_until
    }

    fn length_of(&self, earlier_ejections: u32) -> Duration {
        let factor = 1u32.checked_shl(earlier_ejections).unwrap_or(u32::MAX);
        self.rules.base.saturating_mul(factor).min(self.rules.longest)
    }
}
