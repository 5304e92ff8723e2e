//! A request's place on a server, from its first byte there to the last of its
//! answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::server::Server;

/// Counts a request as in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Server>);

impl InFlight {
    /// Takes a place, unless the server has as many requests as it may.
    pub(crate) fn begin(server: &Arc<Server>) -> Option<Self> {
        let in_flight = &server.in_flight;
        match server.line.max_requests() {
            0 => {
                in_flight.fetch_add(1, Ordering::Relaxed);
            }
            limit => {
                let one_more = |now: usize| (now < limit).then_some(now + 1);
                in_flight
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more)
                    .ok()?;
            }
        }
        Some(Self(server.clone()))
    }

    /// Where the place is.
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // In one order with those that begin to wait: either they see the place, or
        // they are seen here.
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        if self.0.line.is_waited_in() {
            self.0.line.serve(&self.0);
        }
    }
}
