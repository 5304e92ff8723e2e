//! Long lists, handed on in batches as they come from the database.
//!
//! A task reads from a node and sends batches through a short channel: memory stays flat, and a client that
//! reads slowly slows the database's sending down, not our memory up. A client that stops reading is given up. When
//! the node fails in the middle, the rest is read from another one, from where the first stopped.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::ready;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::timeout;

use crate::database::Inner;
use crate::failure::Failure;
use crate::topology::Pools;
use crate::{Error, Order, Station, StationQuery, sql};

/// Stations in a batch.
pub(crate) const BATCH: usize = 500;
/// Batches that wait for the client.
const AHEAD: usize = 2;
/// A client that takes no batch for this long is gone.
const STALL_DEADLINE: Duration = Duration::from_secs(10);

/// A list of stations that arrives in batches, so that memory does not grow with it.
pub struct StationBatches {
    ready: Option<Vec<Station>>,
    rest: Option<Rest>,
}

struct Rest {
    batches: mpsc::Receiver<Result<Vec<Station>, Error>>,
    /// Set by the task when it has sent everything: a channel that closes before that was cut off.
    complete: Arc<AtomicBool>,
}

impl StationBatches {
    /// A list that is short enough to be there already.
    pub(crate) fn whole(stations: Vec<Station>) -> Self {
        Self {
            ready: (!stations.is_empty()).then_some(stations),
            rest: None,
        }
    }

    /// Begins to read, and waits for the first batch.
    pub(crate) async fn begin(inner: Arc<Inner>, query: StationQuery) -> Result<Self, Error> {
        let (sender, batches) = mpsc::channel(AHEAD);
        let complete = Arc::new(AtomicBool::new(false));
        tokio::spawn(produce(inner, query, sender, complete.clone()));
        let mut list = Self {
            ready: None,
            rest: Some(Rest { batches, complete }),
        };
        list.ready = list.next().await.transpose()?;
        Ok(list)
    }

    /// The next batch (never empty), `None` at the end. The first batch has been awaited already when
    /// [`crate::Read::stations`] returns, so errors before any row are errors of that call.
    pub async fn next(&mut self) -> Option<Result<Vec<Station>, Error>> {
        if let Some(ready) = self.ready.take() {
            return Some(Ok(ready));
        }
        let rest = self.rest.as_mut()?;
        let batch = rest.batches.recv().await;
        let cut_off = batch.is_none() && !rest.complete.load(Ordering::Acquire);
        if !matches!(batch, Some(Ok(_))) {
            self.rest = None;
        }
        match cut_off {
            true => Some(Err(Error::Timeout {
                deadline_ms: STALL_DEADLINE.as_millis() as u64,
            })),
            false => batch,
        }
    }
}

/// Why a node's part of the list ended.
enum End {
    /// All was sent.
    Complete,
    /// Nobody takes it any more.
    Unwanted,
    /// A row could not be read.
    Broken(Error),
}

async fn produce(
    inner: Arc<Inner>,
    query: StationQuery,
    sender: Sender<Result<Vec<Station>, Error>>,
    complete: Arc<AtomicBool>,
) {
    let sent = AtomicU32::new(0);
    let part = |pools| send(pools, &query, &sender, &sent);
    let error = match inner.anywhere(part).await {
        Ok(End::Complete) => {
            complete.store(true, Ordering::Release);
            return;
        }
        Ok(End::Unwanted) => return,
        Ok(End::Broken(error)) | Err(error) => error,
    };
    let _ = timeout(STALL_DEADLINE, sender.send(Err(error))).await;
}

async fn send(
    pools: Arc<Pools>,
    query: &StationQuery,
    sender: &Sender<Result<Vec<Station>, Error>>,
    sent: &AtomicU32,
) -> Result<End, Failure> {
    let before = sent.load(Ordering::Relaxed);
    // A list in random order has no place to go on from.
    if before > 0 && query.order == Order::Random {
        return Ok(End::Broken(Error::NoReader));
    }
    let rest = StationQuery {
        offset: query.offset.saturating_add(before),
        limit: query.limit.map(|limit| limit.saturating_sub(before)),
        ..query.clone()
    };
    let statement = match sql::stations::list(&rest) {
        Ok(statement) => statement,
        Err(error) => return Ok(End::Broken(error)),
    };
    let lease = pools.stream.lease().await?;
    let mut broken = None;
    let mut batch = Vec::with_capacity(BATCH);
    let all = lease.for_each(&statement, |row| {
        match sql::station(&row) {
            Ok(station) => batch.push(station),
            Err(error) => {
                broken = Some(Error::Database(error));
                return Some(ready(ControlFlow::Break(())).boxed());
            }
        }
        if batch.len() < BATCH {
            return None;
        }
        sent.fetch_add(batch.len() as u32, Ordering::Relaxed);
        let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
        let sender = sender.clone();
        Some(async move { hand_on(&sender, full).await }.boxed())
    });
    let all = all.await?;
    if let Some(error) = broken {
        return Ok(End::Broken(error));
    }
    if !all {
        return Ok(End::Unwanted);
    }
    if !batch.is_empty() {
        sent.fetch_add(batch.len() as u32, Ordering::Relaxed);
        if hand_on(sender, batch).await.is_break() {
            return Ok(End::Unwanted);
        }
    }
    Ok(End::Complete)
}

async fn hand_on(sender: &Sender<Result<Vec<Station>, Error>>, batch: Vec<Station>) -> ControlFlow<()> {
    match timeout(STALL_DEADLINE, sender.send(Ok(batch))).await {
        Ok(Ok(())) => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    }
}
