//! Heads that are not whole yet, and what follows a request to upgrade. hyper
//! gets a head when its end is here: it then never sees the beginning of something
//! that the scanner goes on to refuse, and what all unfinished heads of a worker
//! take up is counted and bounded.

use std::rc::Rc;

use tokio::io::ReadBuf;

use crate::worker::Worker;

/// Bytes on their way to hyper that have to wait.
pub(super) struct Held {
    bytes: Vec<u8>,
    /// As many of them may be passed on.
    free: usize,
    /// What is counted for this connection.
    counted: usize,
    /// Bytes that all connections of the worker may hold.
    most: usize,
    worker: Rc<Worker>,
}

impl Held {
    /// Nothing held; all connections of the worker together may hold `most` bytes.
    pub(super) fn new(most: usize, worker: Rc<Worker>) -> Self {
        Self {
            most,
            bytes: Vec::new(),
            free: 0,
            counted: 0,
            worker,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether something may be passed on.
    pub(super) fn has_free(&self) -> bool {
        self.free > 0
    }

    /// Takes in what came last. If its first `free` bytes may be passed on, so
    /// may all before them: a head ends only when bytes come.
    pub(super) fn push(&mut self, bytes: &[u8], free: usize) {
        if free > 0 {
            self.free = self.bytes.len() + free;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Counts what is held, and `beside` it. Answers false if that is more than
    /// there is room for.
    pub(super) fn count(&mut self, beside: usize) -> bool {
        let now = self.bytes.capacity() + beside;
        let total = self.worker.unfinished_bytes.get() - self.counted + now;
        let grows = now > self.counted;
        self.worker.unfinished_bytes.set(total);
        self.counted = now;
        !grows || total <= self.most
    }

    /// Everything, for another use than hyper's.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.free = 0;
        std::mem::take(&mut self.bytes)
    }

    /// Forgets what may not be passed on.
    pub(super) fn truncate(&mut self) {
        self.bytes.truncate(self.free);
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }

    /// Passes on as much as there is room for.
    pub(super) fn pass_on(&mut self, buf: &mut ReadBuf<'_>) {
        let passed = self.free.min(buf.remaining());
        buf.put_slice(&self.bytes[..passed]);
        self.free -= passed;
        if passed == self.bytes.len() {
            self.bytes = Vec::new();
        } else {
            self.bytes.drain(..passed);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let left = self.worker.unfinished_bytes.get() - self.counted;
        self.worker.unfinished_bytes.set(left);
    }
}
