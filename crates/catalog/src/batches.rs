//! Long lists, handed on in batches.
//!
//! A task asks for page after page and sends batches through a short channel: memory stays flat however long the list
//! is. Each page is a read like any other, on whichever node answers and with a deadline of its own; between two pages
//! no connection is held, so a client that reads slowly costs the database nothing. One that stops reading is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{self, Sender};
use tokio::time::timeout;

use crate::sql::pages::Pages;
use crate::{Error, Read, Station, StationQuery};

/// Stations in a batch.
pub(crate) const BATCH: usize = 500;
/// Stations in a page.
const PAGE: u32 = 1_000;
/// Batches that wait for the client.
const AHEAD: usize = 2;
/// A client that takes no batch for this long is gone.
const STALL_DEADLINE: Duration = Duration::from_secs(30);

type Outcome = Result<Vec<Station>, Error>;

/// A list of stations that arrives in batches, so that memory does not grow with it.
pub struct StationBatches {
    ready: Option<Vec<Station>>,
    rest: Option<Rest>,
}

struct Rest {
    batches: mpsc::Receiver<Outcome>,
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
    pub(crate) async fn begin(read: Read, query: StationQuery) -> Result<Self, Error> {
        let (sender, batches) = mpsc::channel(AHEAD);
        let complete = Arc::new(AtomicBool::new(false));
        let mut list = Self {
            ready: None,
            rest: Some(Rest {
                batches,
                complete: complete.clone(),
            }),
        };
        tokio::spawn(async move {
            let outcome = produce(&read, Pages::new(query, PAGE), &sender).await;
            match outcome {
                Ok(all) => complete.store(all, Ordering::Release),
                Err(error) => drop(timeout(STALL_DEADLINE, sender.send(Err(error))).await),
            }
        });
        list.ready = list.next().await.transpose()?;
        Ok(list)
    }

    /// The next batch (never empty), `None` at the end. The first batch has been awaited already when
    /// [`crate::Read::stations`] returns, so errors before any row are errors of that call. Whoever takes
    /// nothing for 30 seconds gets [`Error::Timeout`] in place of the rest.
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

/// Reads and sends page after page. Gives whether all was taken.
async fn produce(read: &Read, mut pages: Pages, sender: &Sender<Outcome>) -> Result<bool, Error> {
    loop {
        let rows = read.fetch_all(&pages.statement()?).await?;
        let (mut stations, last) = pages.take(&rows)?;
        drop(rows);
        while !stations.is_empty() {
            let rest = stations.split_off(stations.len().min(BATCH));
            if !hand_on(sender, std::mem::replace(&mut stations, rest)).await {
                return Ok(false);
            }
        }
        if last {
            return Ok(true);
        }
    }
}

/// Gives whether the batch found room in time.
async fn hand_on(sender: &Sender<Outcome>, batch: Vec<Station>) -> bool {
    matches!(timeout(STALL_DEADLINE, sender.send(Ok(batch))).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_reading_is_given_up_and_told_so() {
        let (sender, batches) = mpsc::channel(AHEAD);
        let mut list = StationBatches {
            ready: None,
            rest: Some(Rest {
                batches,
                complete: Arc::new(AtomicBool::new(false)),
            }),
        };
        assert!(hand_on(&sender, Vec::new()).await && hand_on(&sender, Vec::new()).await);
        // Slow is not gone.
        let slow = async {
            tokio::time::sleep(Duration::from_secs(29)).await;
            list.next().await
        };
        let (taken, next) = tokio::join!(hand_on(&sender, Vec::new()), slow);
        assert!(taken && matches!(next, Some(Ok(_))));
        assert!(!hand_on(&sender, Vec::new()).await, "it is given up");
        drop(sender);
        for _ in 0..AHEAD {
            assert!(matches!(list.next().await, Some(Ok(_))));
        }
        let last = list.next().await;
        assert!(
            matches!(last, Some(Err(Error::Timeout { .. }))),
            "a list that was cut off must not look complete"
        );
        assert!(list.next().await.is_none());
    }
}
