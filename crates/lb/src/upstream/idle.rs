//! Kept connections of one worker to one server, the last used first: it is the
//! least likely to have been closed, and what is not needed ages at the bottom.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::Upstream;

/// A stack with a bottom that expires.
pub(crate) struct IdleStack {
    stack: RefCell<VecDeque<(u64, Box<Upstream>)>>,
    max: usize,
    idle_ms: u64,
}

impl IdleStack {
    /// Keeps `max` connections at most, for `idle_ms` at most.
    pub(crate) fn new(max: usize, idle_ms: u64) -> Self {
        Self {
            stack: RefCell::default(),
            max,
            idle_ms,
        }
    }

    /// Takes a connection to send a request on. It may be one that the server is
    /// about to close, so only what may be sent twice takes one.
    pub(crate) fn pop(&self, now_ms: u64) -> Option<Box<Upstream>> {
        let (since_ms, mut upstream) = self.stack.borrow_mut().pop_back()?;
        if since_ms + self.idle_ms < now_ms {
            return None;
        }
        upstream.reused = true;
        Some(upstream)
    }

    /// Puts a connection back that is free.
    pub(crate) fn push(&self, upstream: Box<Upstream>, now_ms: u64) {
        upstream.watch.reset();
        if self.max == 0 {
            return;
        }
        let mut stack = self.stack.borrow_mut();
        if stack.len() >= self.max {
            stack.pop_front();
        }
        stack.push_back((now_ms, upstream));
    }

    /// As many are kept.
    pub(crate) fn len(&self) -> u64 {
        self.stack.borrow().len() as u64
    }

    /// Drops what has been idle for too long or was closed by the server.
    pub(crate) fn expire(&self, now_ms: u64) {
        self.stack
            .borrow_mut()
            .retain_mut(|(since_ms, upstream)| *since_ms + self.idle_ms >= now_ms && !upstream.has_ended());
    }

    /// Drops all: the newest one was closed, so the others are, too.
    pub(crate) fn clear(&self) {
        self.stack.borrow_mut().clear();
    }
}
