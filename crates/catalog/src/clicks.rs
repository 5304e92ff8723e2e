//! Clicks that are collected and written together, because a stream must start at once, whether a primary is there or
//! not, and because a transaction for each click would be most of what the primary does.
//!
//! A click that was collected is not durable yet: a process that dies takes along what it has not written, a fraction of
//! a second's clicks, or those since the primary was lost. Who must know that a click counted uses [`crate::Write::click`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use crate::failure::Failure;
use crate::{Database, Error, Visitor, retry, sql};

/// Clicks that may wait, about 2 MB of them. More are not counted.
const ROOM: usize = 20_000;
/// Clicks in a transaction.
const BATCH: usize = 1_000;

/// Clicks of one process that wait to be written. One click for each visitor and station waits, as no more would count.
pub struct Clicks {
    database: Database,
    waiting: Mutex<HashMap<(Uuid, Visitor), DateTime<Utc>>>,
}

impl Clicks {
    /// None yet, to be written to `database`.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            database,
            waiting: Mutex::default(),
        }
    }

    /// Takes a click without waiting, and drops it where too many wait already.
    pub fn add(&self, stationuuid: Uuid, visitor: Visitor) {
        self.put([((stationuuid, visitor), Utc::now())]);
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().len()
    }

    /// Writes what waits, within `budget` for every thousand. The database counts each once per visitor and day, so that
    /// a batch may be written again when it is not known whether it was.
    ///
    /// # Errors
    /// What keeps them from being written; they go on waiting then.
    pub async fn flush(&self, budget: Duration) -> Result<(), Error> {
        let all = std::mem::take(&mut *self.lock());
        // In order of the key: two servers that write at once then wait for each other and never both.
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_unstable();
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(rest.len().min(BATCH));
            if let Err(error) = self.write(batch, budget).await {
                self.put(rest.iter().copied());
                return Err(error);
            }
            rest = later;
        }
        Ok(())
    }

    async fn write(&self, batch: &[((Uuid, Visitor), DateTime<Utc>)], budget: Duration) -> Result<(), Error> {
        let inner = self.database.inner();
        let statement = sql::clicks::batch(batch)?;
        let counted = retry::until_done(inner.clone(), budget, move |attempt| {
            let statement = statement.clone();
            async move {
                let mut transaction = attempt.begin().await?;
                let rows = transaction.run(&statement).await?;
                let row = rows.first().ok_or(Failure::Query(sqlx::Error::RowNotFound))?;
                let counted: i64 = row.try_get(0).map_err(Failure::Query)?;
                transaction.commit().await?;
                Ok(counted.unsigned_abs())
            }
        })
        .await?;
        inner.metrics.clicks("counted", counted);
        // Counted before on that day, or of a station that is not there.
        let others = (batch.len() as u64).saturating_sub(counted);
        inner.metrics.clicks("not_counted", others);
        Ok(())
    }

    fn put(&self, clicks: impl IntoIterator<Item = ((Uuid, Visitor), DateTime<Utc>)>) {
        let mut waiting = self.lock();
        let mut dropped = 0;
        for (click, at) in clicks {
            let full = waiting.len() >= ROOM;
            match waiting.entry(click) {
                Entry::Occupied(_) => {}
                Entry::Vacant(_) if full => dropped += 1,
                Entry::Vacant(entry) => drop(entry.insert(at)),
            }
        }
        drop(waiting);
        if dropped > 0 {
            self.database.inner().metrics.clicks("dropped", dropped);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Uuid, Visitor), DateTime<Utc>>> {
        // Nothing in the lock's sections can panic half way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
