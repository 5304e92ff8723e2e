//! One server: what is known of it, readable by every worker without a lock.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use health::{Counts, Health, Outlier, Sliding, SlowStart, Standing, Transition};
use tokio::sync::Notify;

use super::line::Line;
use super::operator::Admin;
use super::outcome::Outcome;
use crate::config::PoolConfig;
use crate::metrics::recent::Recent;
use crate::metrics::{Traffic, sum};

const UNKNOWN: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 2;

/// A server of a pool.
#[derive(Debug)]
pub(crate) struct Server {
    /// Unique in its pool, never used again.
    pub(crate) id: u64,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Numbers, a row a worker.
    pub(crate) traffic: Box<[Traffic]>,
    /// What they were a while ago.
    pub(crate) recent: Recent,
    /// How long the last probe took, microseconds.
    pub(crate) check_us: AtomicU64,
    /// Asks for a probe ahead of its time.
    pub(crate) recheck: Notify,
    /// The probes' verdict.
    standing: AtomicU8,
    /// Probes say that nobody is there, as opposed to somebody who says no.
    dead: AtomicBool,
    /// Live traffic's verdict.
    ejected: AtomicBool,
    /// Ejections so far.
    ejections: AtomicU64,
    /// While ejected: until when, milliseconds on the pool's clock.
    ejected_until_ms: AtomicU64,
    /// While ejected, it was seen to be gone altogether: its return can be seen,
    /// too, and ends the ejection.
    absent: AtomicBool,
    /// A request failed and none has gone well since.
    suspected: AtomicBool,
    /// The operator's word, apart from every verdict.
    admin: AtomicU8,
    /// No longer named by discovery.
    leaving: AtomicBool,
    /// Forgotten by its pool; probes end.
    gone: AtomicBool,
    /// Takes turns now: by its verdicts, or because the pool fails open.
    chosen: AtomicBool,
    /// Its weight as configured.
    weight: AtomicU32,
    /// How much of its weight it gets so far, in parts of [`SlowStart::WHOLE`].
    share: AtomicU32,
    pub(super) in_flight: AtomicUsize,
    /// Where requests wait for a place on this server or another of its pool.
    pub(super) line: Arc<Line>,
    checks: Mutex<Checks>,
    outlier: Mutex<Outlier>,
    errors: Mutex<Sliding>,
    /// Since when it has been in rotation without a break.
    entered: Mutex<Option<Duration>>,
}

#[derive(Debug)]
struct Checks {
    health: Health,
    /// Passed probes in a row.
    passed: u32,
    last: Option<(Instant, Outcome)>,
}

impl Server {
    pub(super) fn new(id: u64, address: SocketAddr, config: &PoolConfig, line: &Arc<Line>, workers: usize) -> Self {
        Self {
            id,
            address,
            traffic: Traffic::rows(workers),
            recent: Recent::default(),
            check_us: AtomicU64::new(0),
            recheck: Notify::new(),
            standing: AtomicU8::new(UNKNOWN),
            dead: AtomicBool::new(false),
            ejected: AtomicBool::new(false),
            ejections: AtomicU64::new(0),
            ejected_until_ms: AtomicU64::new(0),
            absent: AtomicBool::new(false),
            suspected: AtomicBool::new(false),
            admin: AtomicU8::new(Admin::Enabled as u8),
            leaving: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            chosen: AtomicBool::new(false),
            weight: AtomicU32::new(1),
            share: AtomicU32::new(SlowStart::WHOLE),
            in_flight: AtomicUsize::new(0),
            line: line.clone(),
            checks: Mutex::new(Checks {
                health: Health::new(config.check.thresholds()),
                passed: 0,
                last: None,
            }),
            outlier: Mutex::new(Outlier::new(config.ejection.rules())),
            errors: Mutex::default(),
            entered: Mutex::default(),
        }
    }

    /// Goes on by the rules of another configuration; what was found out stays.
    pub(super) fn set_rules(&self, config: &PoolConfig) {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.health.set_thresholds(config.check.thresholds());
        drop(checks);
        self.outlier(|outlier| outlier.set_rules(config.ejection.rules()));
    }

    /// The probes' verdict.
    pub(crate) fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Relaxed) {
            UP => Standing::Up,
            DOWN => Standing::Down,
            _ => Standing::Unknown,
        }
    }

    /// Whether it is to take its turn.
    pub(crate) fn is_in_rotation(&self) -> bool {
        self.standing() == Standing::Up && !self.is_ejected() && !self.is_leaving() && self.is_enabled()
    }

    /// Whether it does.
    pub(super) fn is_chosen(&self) -> bool {
        self.chosen.load(Ordering::Relaxed)
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::from_code(self.admin.load(Ordering::Relaxed))
    }

    /// Whether the operator lets it have requests.
    pub(crate) fn is_enabled(&self) -> bool {
        self.admin() == Admin::Enabled
    }

    pub(crate) fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    /// How much of its weight it gets so far, in parts of [`SlowStart::WHOLE`].
    pub(crate) fn share(&self) -> u32 {
        self.share.load(Ordering::Relaxed)
    }

    /// Whether requests that wait for its answer wait in vain.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub(crate) fn is_ejected(&self) -> bool {
        self.ejected.load(Ordering::Relaxed)
    }

    pub(crate) fn is_suspected(&self) -> bool {
        self.suspected.load(Ordering::Relaxed)
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Requests that it owes an answer to.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// An ejection begins. `absent` says that nobody is there; otherwise what
    /// probes saw before does not count: it fails while it is there.
    pub(super) fn begin_ejection(&self, absent: bool, until: Duration) {
        self.ejections.fetch_add(1, Ordering::Relaxed);
        self.ejected_until_ms.store(until.as_millis() as u64, Ordering::Relaxed);
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.passed = 0;
        self.absent.store(absent, Ordering::Relaxed);
        self.ejected.store(true, Ordering::Relaxed);
    }

    pub(crate) fn ejections(&self) -> u64 {
        self.ejections.load(Ordering::Relaxed)
    }

    /// When its ejection ends, on the pool's clock.
    pub(crate) fn ejected_until(&self) -> Option<Duration> {
        let until = Duration::from_millis(self.ejected_until_ms.load(Ordering::Relaxed));
        self.is_ejected().then_some(until)
    }

    pub(super) fn end_ejection(&self) {
        self.ejected.store(false, Ordering::Relaxed);
        self.absent.store(false, Ordering::Relaxed);
    }

    /// Nobody was there; only probes from now on can tell that it is back.
    pub(super) fn set_absent(&self) {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.passed = 0;
        self.absent.store(true, Ordering::Relaxed);
    }

    /// Whether it was gone and has passed `rise` probes since.
    pub(super) fn has_returned(&self, rise: u32) -> bool {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        self.absent.load(Ordering::Relaxed) && checks.passed >= rise
    }

    pub(super) fn set_suspected(&self) {
        self.suspected.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
        self.recheck.notify_one();
    }

    /// Answers whether this is a change.
    pub(super) fn set_admin(&self, admin: Admin) -> bool {
        self.admin.swap(admin as u8, Ordering::Relaxed) != admin as u8
    }

    /// Answers whether this is a change.
    pub(super) fn set_weight(&self, weight: u32) -> bool {
        self.weight.swap(weight, Ordering::Relaxed) != weight
    }

    /// The rotation has been made anew, with this server or without.
    pub(super) fn set_chosen(&self, chosen: bool, share: u32) {
        self.chosen.store(chosen, Ordering::Relaxed);
        self.share.store(share, Ordering::Relaxed);
    }

    /// The share it has come to by now. Starts over whenever it was out of rotation.
    pub(super) fn share_at(&self, now: Duration, start: SlowStart) -> u32 {
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_in_rotation() {
            *entered = None;
            // Tried all the same if nobody else is left, and then wholly.
            return SlowStart::WHOLE;
        }
        let entered = *entered.get_or_insert(now);
        start.share(now.saturating_sub(entered))
    }

    /// Answers whether this is a change.
    pub(super) fn set_leaving(&self, leaving: bool) -> bool {
        self.leaving.swap(leaving, Ordering::Relaxed) != leaving
    }

    /// A request went well. Costs one load unless one has failed before.
    pub(crate) fn succeeded(&self) {
        if self.is_suspected() {
            self.suspected.store(false, Ordering::Relaxed);
            self.outlier(Outlier::succeeded);
        }
    }

    pub(super) fn record_check(&self, outcome: Outcome) -> Option<Transition> {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let transition = checks.health.record(outcome == Outcome::Passed);
        checks.passed = if outcome == Outcome::Passed {
            checks.passed.saturating_add(1)
        } else {
            0
        };
        if matches!(outcome, Outcome::Unreachable(_)) {
            self.absent.store(true, Ordering::Relaxed);
        }
        let standing = checks.health.standing();
        let dead = standing == Standing::Down && matches!(outcome, Outcome::Unreachable(_));
        checks.last = Some((Instant::now(), outcome));
        self.dead.store(dead, Ordering::Relaxed);
        let code = match standing {
            Standing::Unknown => UNKNOWN,
            Standing::Up => UP,
            Standing::Down => DOWN,
        };
        self.standing.store(code, Ordering::Relaxed);
        transition
    }

    /// Whether the last probe spoke against the verdict.
    pub(crate) fn is_wavering(&self) -> bool {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.health.is_wavering()
    }

    /// When the last probe ended and how.
    pub(crate) fn last_check(&self) -> Option<(Instant, Outcome)> {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.last.clone()
    }

    /// What it has answered within `window`, and how much of that were errors.
    pub(super) fn errors_within(&self, now: Duration, window: Duration) -> Counts {
        let failures = sum(&self.traffic, |row| &row.failures);
        let answers: u64 = (0..5).map(|class| sum(&self.traffic, |row| &row.answers[class])).sum();
        let total = Counts {
            requests: answers + failures,
            errors: sum(&self.traffic, |row| &row.answers[4]) + failures,
        };
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.observe(now, window, total)
    }

    /// Errors so far are history.
    pub(super) fn forget_errors(&self) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.restart();
    }

    pub(super) fn outlier<T>(&self, f: impl FnOnce(&mut Outlier) -> T) -> T {
        f(&mut self.outlier.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
