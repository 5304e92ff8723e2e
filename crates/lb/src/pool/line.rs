//! The line in which requests wait for a place when every server of a pool has as
//! many as it may. First come, first served, over all workers: whoever gives a place
//! back hands it to the first in line, and newcomers go to its end. Nobody touches
//! the lock while nobody waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::in_flight::InFlight;
use super::server::Server;
use crate::config::PoolConfig;

/// The line of one pool.
#[derive(Debug)]
pub(crate) struct Line {
    /// Requests in flight at once on one server. 0: no limit.
    max_requests: AtomicUsize,
    /// Requests that may wait.
    length: AtomicUsize,
    /// Those that do. Read by everybody, written under the lock.
    waiting: AtomicUsize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    next_ticket: u64,
    waiters: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    /// Servers that have failed this request.
    tried: Vec<u64>,
    hand: oneshot::Sender<InFlight>,
}

/// What comes of wanting to wait.
pub(crate) enum Joined<T> {
    /// A place has become free in the meantime.
    Served(T),
    /// The end of the line.
    Waiting(Ticket),
    /// The line is as long as it may be.
    Full,
}

/// A place in line. Gives it up when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    line: Arc<Line>,
    number: u64,
    handed: oneshot::Receiver<InFlight>,
}

impl Line {
    pub(super) fn new(config: &PoolConfig) -> Arc<Self> {
        let line = Self {
            max_requests: AtomicUsize::new(0),
            length: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            queue: Mutex::default(),
        };
        line.set_rules(config);
        Arc::new(line)
    }

    /// Goes on by the rules of another configuration.
    pub(super) fn set_rules(&self, config: &PoolConfig) {
        self.max_requests.store(config.max_requests, Ordering::Relaxed);
        self.length.store(config.queue.length, Ordering::Relaxed);
    }

    pub(super) fn max_requests(&self) -> usize {
        self.max_requests.load(Ordering::Relaxed)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether anybody waits.
    pub(crate) fn is_waited_in(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes to the end of the line. `pick` looks for a place once more, now that
    /// nobody can give one back unseen; it must not give one back itself.
    pub(crate) fn join<T>(self: &Arc<Self>, tried: &[u64], pick: impl FnOnce() -> Option<T>) -> Joined<T> {
        let mut queue = self.queue();
        if queue.waiters.len() >= self.length.load(Ordering::Relaxed) {
            return Joined::Full;
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        // Those that were tried elsewhere before may leave a place to others.
        if queue.waiters.iter().all(|waiter| !waiter.tried.is_empty())
            && let Some(served) = pick()
        {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            return Joined::Served(served);
        }
        let number = queue.next_ticket;
        queue.next_ticket += 1;
        let (hand, handed) = oneshot::channel();
        queue.waiters.push_back(Waiter {
            ticket: number,
            tried: tried.to_vec(),
            hand,
        });
        Joined::Waiting(Ticket {
            line: self.clone(),
            number,
            handed,
        })
    }

    /// Hands the free places of `server` to the first in line that it may serve.
    pub(super) fn serve(&self, server: &Arc<Server>) {
        let mut unwanted = Vec::new();
        let mut queue = self.queue();
        while server.is_chosen()
            && let Some(position) = queue.waiters.iter().position(|waiter| waiter.may_have(server))
            && let Some(place) = InFlight::begin(server)
        {
            let Some(waiter) = queue.waiters.remove(position) else {
                break;
            };
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            // Gone at this very moment: its place is for the next one.
            unwanted.extend(waiter.hand.send(place).err());
        }
        // Giving a place back takes the lock again.
        drop(queue);
        drop(unwanted);
    }
}

impl Waiter {
    fn may_have(&self, server: &Server) -> bool {
        !self.hand.is_closed() && !self.tried.contains(&server.id)
    }
}

impl Ticket {
    /// Ready when a place has been handed over. `None` never comes while the line
    /// exists.
    pub(crate) fn poll_handed(&mut self, cx: &mut Context<'_>) -> Poll<Option<InFlight>> {
        std::pin::Pin::new(&mut self.handed).poll(cx).map(Result::ok)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.handed.close();
        let mut queue = self.line.queue();
        let position = queue.waiters.iter().position(|waiter| waiter.ticket == self.number);
        if let Some(position) = position {
            queue.waiters.remove(position);
            self.line.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
