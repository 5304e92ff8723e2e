//! The end of a balancer, in stages that all workers follow.
//!
//! 1. Notice: `/ready` and `/.lb/health` say no and every answer says
//!    `Connection: close`, but new connections are still served. Name servers
//!    and probes take a moment to see that this balancer leaves.
//! 2. Draining: no new connections; idle ones are closed, requests under way
//!    are finished.
//! 3. At the deadline, what is still under way is cut.
//!
//! With a successor at the same addresses, nobody needs to know: `/.lb/health` goes
//! on to say yes, the successor gets the new connections at once, and the time of
//! the notice is for those who are connected, to be told on an answer of theirs and
//! not by a connection that closes while they ask.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use service::Shutdown;
use tokio::sync::watch::Sender;
use tokio::time::{sleep, timeout_at};
use tracing::{info, warn};

use crate::shared::{Leaving, Shared};
use crate::threads::Threads;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// No end in sight, or only noticed.
    Serving,
    /// New connections are the successor's.
    Succeeded,
    /// Workers end as soon as they can.
    Draining,
}

/// Brings the balancer to its end once `shutdown` has begun.
pub(crate) async fn drain(shared: &Arc<Shared>, shutdown: &Shutdown, stage: &Sender<Stage>, threads: &mut Threads) {
    let began = Instant::now();
    // Leave the process time to end by itself before anybody ends it.
    let deadline = tokio::time::Instant::now() + shutdown.deadline();
    shared.sockets.let_go();
    if shutdown.has_successor() {
        shared.set_draining(Leaving::Succeeded);
        stage.send_replace(Stage::Succeeded);
    } else {
        shared.set_draining(Leaving::Withdrawn);
    }
    sleep(Duration::from_millis(shared.plan().config.drain_notice_ms)).await;
    let open = shared.connections.load(Relaxed);
    info!(open, "no new connections");
    stage.send_replace(Stage::Draining);
    let ended = timeout_at(deadline, threads.ended()).await;
    let took_ms = began.elapsed().as_millis() as u64;
    match ended {
        Ok(()) => info!(took_ms, "drained: every request was finished"),
        Err(_) => {
            let cut = shared.connections.load(Relaxed);
            warn!(took_ms, cut, "drain deadline passed: open connections are cut");
        }
    }
}
