//! Deadlines without timers. A proxied request has half a dozen deadlines and
//! nearly all of them are met; arming a timer for each would cost more than the
//! rest of the bookkeeping. So everything that can be late has a [`Watch`], and
//! each worker sweeps over its watches a few times a second.
//!
//! The same sweep sees that a server has died and calls back the requests that
//! wait for it: a machine that vanishes sends no reset.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

use crate::pool::server::Server;

/// No deadline.
pub(crate) const NEVER: u64 = u64::MAX;

/// A worker's clock, milliseconds. It moves only between sweeps, and never by
/// much at once: after a pause of the whole process (a suspended machine, a
/// debugger) nobody is late for what they could not have done meanwhile.
#[derive(Debug)]
pub(crate) struct Clock {
    now_ms: Cell<u64>,
    last: Cell<Instant>,
}

/// Longest step of the clock.
const MAX_STEP_MS: u64 = 500;

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            now_ms: Cell::new(1),
            last: Cell::new(Instant::now()),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Moves on; called by the sweep only.
    pub(crate) fn step(&self) {
        let now = Instant::now();
        let elapsed = now.duration_since(self.last.get()).as_millis() as u64;
        if elapsed > 0 {
            self.last.set(now);
            self.now_ms.set(self.now_ms.get() + elapsed.min(MAX_STEP_MS));
        }
    }
}

/// Why a watch rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// A deadline has passed.
    Due,
    /// The server is not going to answer.
    ServerLost,
    /// The balancer wants to end.
    Drain,
    /// The connection is not at work and its place is needed.
    Evict,
    /// The connection has been idle for a while and could do with less memory.
    Rest,
}

/// When waiting for a server is given up before the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GiveUp {
    /// Not at all: the request must not be sent twice.
    Never,
    /// When probes find nobody there.
    IfDead,
    /// When it is out of rotation for whatever it did: nothing was sent yet.
    IfOut,
}

/// Whoever has not been at work for so long may have to make room, milliseconds.
const SPARE_MS: u64 = 1000;

/// Watches looked at to find some that make room.
const LOOKED_AT: usize = 256;

/// Something that can be late.
#[derive(Debug)]
pub(crate) struct Watch {
    slot: Cell<usize>,
    /// When reading is late, and when writing is.
    due_ms: [Cell<u64>; 2],
    /// Since when it is idle, or [`NEVER`].
    idle_since_ms: Cell<u64>,
    /// Since when a head is waited for that has not ended, or [`NEVER`].
    head_since_ms: Cell<u64>,
    /// It wants to be told when it has been idle for a while.
    may_rest: Cell<bool>,
    /// It has made a request.
    has_asked: Cell<bool>,
    server: Option<Arc<Server>>,
    give_up: Cell<GiveUp>,
    alarm: Cell<Option<Alarm>>,
    waker: RefCell<Option<Waker>>,
}

/// Which deadline of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Read = 0,
    Write = 1,
}

impl Watch {
    /// Remembers whom to wake.
    pub(crate) fn listen(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(known) if known.will_wake(cx.waker()) => {}
            other => *other = Some(cx.waker().clone()),
        }
    }

    /// Whether it is this task that is woken.
    pub(crate) fn would_wake(&self, cx: &Context<'_>) -> bool {
        let waker = self.waker.borrow();
        waker.as_ref().is_some_and(|known| known.will_wake(cx.waker()))
    }

    pub(crate) fn set_due(&self, side: Side, at_ms: u64) {
        self.due_ms[side as usize].set(at_ms);
    }

    pub(crate) fn due(&self, side: Side) -> u64 {
        self.due_ms[side as usize].get()
    }

    pub(crate) fn set_give_up(&self, give_up: GiveUp) {
        self.give_up.set(give_up);
    }

    pub(crate) fn set_idle_since(&self, at_ms: u64) {
        self.idle_since_ms.set(at_ms);
    }

    /// Asks to be told, once, when it has been idle for a while.
    pub(crate) fn offer_rest(&self) {
        self.may_rest.set(true);
    }

    pub(crate) fn refuse_rest(&self) {
        self.may_rest.set(false);
    }

    pub(crate) fn set_head_since(&self, at_ms: u64) {
        self.head_since_ms.set(at_ms);
    }

    pub(crate) fn set_has_asked(&self) {
        self.has_asked.set(true);
    }

    /// Whether its place may be given to another: it is idle, or has begun with a
    /// head and does not end it.
    pub(crate) fn is_spare(&self, now_ms: u64) -> bool {
        let since_ms = self.idle_since_ms.get().min(self.head_since_ms.get());
        since_ms.saturating_add(SPARE_MS) <= now_ms
    }

    pub(crate) fn alarm(&self) -> Option<Alarm> {
        self.alarm.get()
    }

    pub(crate) fn clear_alarm(&self) {
        self.alarm.set(None);
    }

    /// Ready for another use.
    pub(crate) fn reset(&self) {
        self.set_due(Side::Read, NEVER);
        self.set_due(Side::Write, NEVER);
        self.set_give_up(GiveUp::Never);
        self.clear_alarm();
    }

    /// Wakes whoever listens, and says why.
    pub(crate) fn ring(&self, alarm: Alarm) {
        self.alarm.set(Some(alarm));
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    fn check(&self, now_ms: u64) {
        if self.alarm.get().is_some() {
            return;
        }
        if self.due_ms.iter().any(|due| due.get() <= now_ms) {
            return self.ring(Alarm::Due);
        }
        let Some(server) = &self.server else { return };
        let lost = match self.give_up.get() {
            GiveUp::Never => false,
            GiveUp::IfDead => server.is_dead(),
            GiveUp::IfOut => server.is_dead() || server.is_ejected(),
        };
        if lost {
            self.ring(Alarm::ServerLost);
        }
    }
}

/// A worker's watches.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    watches: RefCell<Vec<Rc<Watch>>>,
    /// Where the next look for room begins.
    hand: Cell<usize>,
}

/// A watch on a roster; leaves it when dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    watch: Rc<Watch>,
    roster: Rc<Roster>,
}

impl Roster {
    pub(crate) fn enter(self: &Rc<Self>, server: Option<Arc<Server>>) -> Watched {
        let mut watches = self.watches.borrow_mut();
        let watch = Rc::new(Watch {
            slot: Cell::new(watches.len()),
            due_ms: [Cell::new(NEVER), Cell::new(NEVER)],
            idle_since_ms: Cell::new(NEVER),
            head_since_ms: Cell::new(NEVER),
            may_rest: Cell::new(false),
            has_asked: Cell::new(false),
            server,
            give_up: Cell::new(GiveUp::Never),
            alarm: Cell::new(None),
            waker: RefCell::new(None),
        });
        watches.push(watch.clone());
        Watched {
            watch,
            roster: self.clone(),
        }
    }

    /// Rings everything that is late.
    pub(crate) fn sweep(&self, now_ms: u64) {
        for watch in self.watches.borrow().iter() {
            watch.check(now_ms);
        }
    }

    /// Rings everything.
    pub(crate) fn ring_all(&self, alarm: Alarm) {
        for watch in self.watches.borrow().iter() {
            watch.ring(alarm);
        }
    }

    /// Rings those that asked for it and were idle for `idle_ms` or longer.
    pub(crate) fn rest(&self, idle_ms: u64, now_ms: u64) {
        for watch in self.watches.borrow().iter() {
            if watch.may_rest.get()
                && watch.alarm.get().is_none()
                && watch.idle_since_ms.get().saturating_add(idle_ms) <= now_ms
            {
                watch.refuse_rest();
                watch.ring(Alarm::Rest);
            }
        }
    }

    /// Rings up to `count` watches whose places can be spared: of those that are
    /// looked at, the ones that never asked for anything, and others only where
    /// there is none of these. An attack that fills all places is made of silence
    /// and unfinished heads, and pushes out itself. Answers how many.
    pub(crate) fn make_room(&self, count: usize, now_ms: u64) -> usize {
        let watches = self.watches.borrow();
        // A look costs the same however many there are: it goes on where the last
        // one ended.
        let from = self.hand.get().min(watches.len());
        let looked_at = LOOKED_AT.min(watches.len());
        let spare = |watch: &&Rc<Watch>| watch.alarm.get().is_none() && watch.is_spare(now_ms);
        let in_view = || {
            watches[from..]
                .iter()
                .chain(&watches[..from])
                .take(looked_at)
                .filter(spare)
        };
        self.hand.set((from + looked_at) % watches.len().max(1));
        let mut rung = 0;
        for has_asked in [false, true] {
            for watch in in_view().filter(|watch| watch.has_asked.get() == has_asked).take(count) {
                watch.ring(Alarm::Evict);
                rung += 1;
            }
            if rung > 0 {
                break;
            }
        }
        rung
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.watches.borrow().len()
    }
}

impl Watched {
    /// Another handle on the same watch, for whoever moves its deadline.
    pub(crate) fn handle(&self) -> Rc<Watch> {
        self.watch.clone()
    }
}

impl Deref for Watched {
    type Target = Watch;

    fn deref(&self) -> &Watch {
        &self.watch
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut watches = self.roster.watches.borrow_mut();
        let slot = self.watch.slot.get();
        watches.swap_remove(slot);
        if let Some(moved) = watches.get(slot) {
            moved.slot.set(slot);
        }
    }
}

#[cfg(test)]
mod tests;
