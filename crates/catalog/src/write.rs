//! Writes: what takes place on the primary, once each, whatever fails on the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow};
use uuid::Uuid;

use crate::database::Inner;
use crate::failure::Failure;
use crate::pool::{Pool, Statement};
use crate::topology::Pools;
use crate::{Error, IdempotencyKey, Station, Written, idempotency, retry, sql};

/// Turns of forgetting in one [`Write::tidy`]; the next one goes on.
const FORGET_TURNS: u32 = 20;

/// Who votes or clicks: a keyed hash of the address, so that the database never holds addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Visitor(pub [u8; 16]);

/// What became of a vote. Kept in the database for as long as idempotency keys are, by the names that serde gives: a
/// change here is a change of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoteOutcome {
    /// Counted; the station's votes after it.
    Counted {
        /// Votes now.
        votes: i32,
    },
    /// This visitor voted for this station within the last 24 hours.
    TooSoon,
    /// No such station.
    UnknownStation,
}

/// What became of a click. Kept like a [`VoteOutcome`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Click {
    /// Recorded, or already recorded for this visitor and day: play this.
    Play(Stream),
    /// No such station.
    UnknownStation,
}

/// What whoever plays a station needs of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Identity of the station.
    pub stationuuid: Uuid,
    /// Its name.
    pub name: String,
    /// Where it is heard: the address that playlists lead to, where one is known.
    pub url: String,
    /// Whether the last check could play it.
    pub lastcheckok: bool,
}

impl From<Station> for Stream {
    fn from(station: Station) -> Self {
        Self {
            stationuuid: station.stationuuid,
            name: station.name,
            url: match station.url_resolved.is_empty() {
                true => station.url,
                false => station.url_resolved,
            },
            lastcheckok: station.lastcheckok,
        }
    }
}

/// What [`Write::tidy`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tidied {
    /// Stations whose click counts changed.
    pub stations_recounted: i64,
    /// Clicks that were removed.
    pub clicks_removed: i64,
    /// Votes that were removed.
    pub votes_removed: i64,
    /// Idempotency keys that were removed.
    pub keys_removed: i64,
    /// Whether counts of categories and totals, left stale by an import that was cut off, were made anew.
    pub summaries_refreshed: bool,
}

/// Changes, on the primary: whichever it is by the time that a change is tried, so that a write outlasts a failover.
///
/// Votes and clicks are transactions of five round trips (begin, claim the key, change, keep the outcome, commit), and
/// are tried again by the rules of `retry`: how often they were tried cannot be told from what is in the database.
#[derive(Clone)]
pub struct Write {
    inner: Arc<Inner>,
    key: Option<IdempotencyKey>,
    budget: Duration,
}

impl Write {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self {
            inner,
            key: None,
            budget: retry::BUDGET,
        }
    }

    /// Under this name; for one vote or one click. If the same was written under it before, what was given then is given
    /// again. Without a name each write has one of its own.
    #[must_use]
    pub fn named(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }

    /// How long a vote or a click is tried for, a primary that is away waited for; 10 seconds unless said.
    #[must_use]
    pub fn within(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// One vote per visitor, station and 24 hours.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn vote(&self, stationuuid: Uuid, visitor: Visitor) -> Result<Written<VoteOutcome>, Error> {
        self.once(&sql::writes::vote(stationuuid, visitor)?, |rows| {
            let (known, votes): (bool, Option<i32>) = one(rows, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?;
            Ok(match (known, votes) {
                (_, Some(votes)) => VoteOutcome::Counted { votes },
                (true, None) => VoteOutcome::TooSoon,
                (false, None) => VoteOutcome::UnknownStation,
            })
        })
        .await
    }

    /// One click per visitor, station and day (of UTC) is counted, and is durable when this returns. Where that need not
    /// be, [`crate::Clicks`] costs less.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn click(&self, stationuuid: Uuid, visitor: Visitor) -> Result<Written<Click>, Error> {
        self.once(&sql::writes::click(stationuuid, visitor)?, |rows| {
            Ok(match sql::stations_of(rows)?.pop() {
                Some(station) => Click::Play(station.into()),
                None => Click::UnknownStation,
            })
        })
        .await
    }

    /// Runs `change` and what `read` makes of it under our key.
    async fn once<T>(&self, change: &Statement, read: fn(&[PgRow]) -> Result<T, Error>) -> Result<Written<T>, Error>
    where
        T: Serialize + DeserializeOwned + Send,
    {
        let key = self.key.unwrap_or_else(IdempotencyKey::random);
        // Attempts own what they need: the compiler cannot tell that one which borrows may change threads.
        let (inner, change) = (self.inner.clone(), change.clone());
        retry::until_done(self.inner.clone(), self.budget, move |attempt| {
            let (inner, change) = (inner.clone(), change.clone());
            async move {
                let mut transaction = attempt.begin().await?;
                let value = match idempotency::claim(&mut transaction, &key).await {
                    Ok(Some(before)) => {
                        inner.metrics.write("replayed");
                        before
                    }
                    Ok(None) => {
                        let outcome = read(&transaction.run(&change).await?)?;
                        idempotency::keep(&mut transaction, &key, &outcome).await?;
                        outcome
                    }
                    Err(Failure::Refused(error)) => {
                        transaction.rollback().await?;
                        return Err(error.into());
                    }
                    Err(failure) => return Err(failure),
                };
                let position = transaction.commit().await?;
                Ok(Written { value, position })
            }
        })
        .await
    }

    /// Keeps counts and tables as they should be: click counts fall as their day passes, old clicks, votes and
    /// idempotency keys are removed (at most 200,000 of each), summaries that an import left stale are made anew. To be called every
    /// minute or so; several callers do not disturb each other.
    ///
    /// # Errors
    /// The first one; see [`Error`]. A step that fails keeps none of the others from being done.
    pub async fn tidy(&self) -> Result<Tidied, Error> {
        let recounted = self.value(sql::writes::RECOUNT_CLICKS).await;
        let clicks = self.forget(sql::writes::FORGET_CLICKS).await;
        let votes = self.forget(sql::writes::FORGET_VOTES).await;
        let keys = self.forget(sql::idempotency::FORGET).await;
        let refreshed = self.value(sql::writes::REFRESH_SUMMARIES).await;
        Ok(Tidied {
            stations_recounted: recounted?,
            clicks_removed: clicks?,
            votes_removed: votes?,
            keys_removed: keys?,
            summaries_refreshed: refreshed?,
        })
    }

    /// Turn after turn, so that none holds locks for long.
    async fn forget(&self, sql: &str) -> Result<i64, Error> {
        let mut gone = 0;
        for _ in 0..FORGET_TURNS {
            let now: i64 = self.value(sql).await?;
            gone += now;
            if now < sql::writes::FORGET_ROWS {
                break;
            }
        }
        Ok(gone)
    }

    async fn value<T>(&self, sql: &str) -> Result<T, Error>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let statement = Statement {
            sql: sql.to_owned(),
            arguments: PgArguments::default(),
        };
        let rows = self.inner.run_once(|pools| pools.write.clone(), &statement).await?;
        one(&rows, |row| row.try_get(0))
    }
}

impl Inner {
    /// Runs a statement that is a transaction by itself, on the primary, once.
    pub(crate) async fn run_once(
        &self,
        pool: impl Fn(&Pools) -> Arc<Pool>,
        statement: &Statement,
    ) -> Result<Vec<PgRow>, Error> {
        let primary = self.primary().ok_or(Error::NoPrimary)?;
        let began = Instant::now();
        match pool(&primary).lease_alive().await {
            Ok(lease) => lease
                .fetch_all(statement)
                .await
                .map_err(|failure| failure.into_write_error(began.elapsed())),
            // Nothing was sent.
            Err(failure) => Err(failure.not_applied()),
        }
    }
}

fn one<T>(rows: &[PgRow], of: impl Fn(&PgRow) -> Result<T, sqlx::Error>) -> Result<T, Error> {
    let row = rows.first().ok_or(Error::Database(sqlx::Error::RowNotFound))?;
    of(row).map_err(Error::Database)
}
