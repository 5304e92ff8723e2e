//! Watches one node, on a connection of its own.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgConnection;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Topology, sample};
use crate::failure::Failure;
use crate::pool::connect;

/// Between the beginnings of two samples.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long one may take. A node given up is one that missed two, so some 650 ms of silence are needed.
const SAMPLE_DEADLINE: Duration = Duration::from_millis(200);
/// After a failure that came at once, the next sample follows soon: a stopped server is noticed within a blink.
const AFTER_FAILURE: Duration = Duration::from_millis(50);
/// Samples between two looks for idle connections: about ten seconds.
const TRIM_EVERY: u32 = 40;

pub(super) async fn watch(topology: Arc<Topology>, index: usize, stop: CancellationToken) {
    let work = async {
        let mut connection = None;
        let mut count = 0_u32;
        let mut was_in_use = false;
        loop {
            let began = Instant::now();
            let in_use = look(&topology, index, &mut connection).await;
            count = count.wrapping_add(1);
            if count.is_multiple_of(TRIM_EVERY) {
                topology.nodes[index].trim();
            }
            // Soon again while the verdict hangs on it, calmly once it has fallen.
            let pause = match (connection.is_some(), was_in_use || in_use) {
                (true, true) => INTERVAL,
                (true, false) | (false, true) => AFTER_FAILURE,
                (false, false) => INTERVAL,
            };
            was_in_use = in_use;
            sleep(pause.saturating_sub(began.elapsed())).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

/// Takes one sample and enters it. `connection` is kept only if it may be used again.
async fn look(topology: &Topology, index: usize, connection: &mut Option<PgConnection>) -> bool {
    let mut open = match connection.take() {
        Some(open) => open,
        None => match connect(&topology.nodes[index].monitor).await {
            Ok(open) => open,
            Err(failure) => return topology.enter(index, Err(describe(&failure))),
        },
    };
    let outcome = {
        let mut answer = pin!(sample::take(&mut open));
        loop {
            match timeout(SAMPLE_DEADLINE, &mut answer).await {
                Ok(outcome) => break Some(outcome),
                // The same question goes on being waited for: an answer that comes late still is one.
                Err(_) => {
                    let reason = format!("did not answer within {} ms", SAMPLE_DEADLINE.as_millis());
                    if !topology.enter(index, Err(reason)) {
                        break None;
                    }
                    tokio::select! {
                        outcome = &mut answer => break Some(outcome),
                        () = sleep(INTERVAL) => {}
                    }
                }
            }
        }
    };
    match outcome {
        Some(Ok(sample)) => {
            *connection = Some(open);
            topology.enter(index, Ok(sample))
        }
        Some(Err(reason)) => topology.enter(index, Err(reason)),
        None => false,
    }
}

fn describe(failure: &Failure) -> String {
    match failure {
        Failure::Connect(error) | Failure::Query(error) => error.to_string(),
        Failure::Silent { waited } | Failure::Busy { waited } => {
            format!("took no connection within {} ms", waited.as_millis())
        }
        Failure::Gone => "was given up".into(),
        Failure::Refused(error) => error.to_string(),
    }
}
