//! Writes. A [`Write`] exists only where a primary was there when it was asked for.

use std::sync::Arc;
use std::time::Instant;

use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow};
use uuid::Uuid;

use crate::metrics::Metrics;
use crate::pool::{Pool, Statement};
use crate::{Error, Position, Station, Written, sql};

/// Turns of forgetting in one [`Write::tidy`]; the next one goes on.
const FORGET_TURNS: u32 = 20;

/// Who votes or clicks: a keyed hash of the address, so that the database never holds addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor(pub [u8; 16]);

/// What became of a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What became of a click.
#[derive(Debug, Clone, PartialEq)]
pub enum Click {
    /// Recorded, or already recorded for this visitor and day: play this.
    Play(Box<Station>),
    /// No such station.
    UnknownStation,
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
    /// Whether counts of categories and totals, left stale by an import that was cut off, were made anew.
    pub summaries_refreshed: bool,
}

/// Changes, on the primary. Every method but [`Write::tidy`] is one transaction.
pub struct Write {
    pool: Arc<Pool>,
    metrics: Arc<Metrics>,
}

impl Write {
    pub(crate) fn new(pool: Arc<Pool>, metrics: Arc<Metrics>) -> Self {
        Self { pool, metrics }
    }

    /// One vote per visitor, station and 24 hours.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn vote(&self, stationuuid: Uuid, visitor: Visitor) -> Result<Written<VoteOutcome>, Error> {
        let rows = self.run(&sql::writes::vote(stationuuid, visitor)?).await?;
        let (known, votes): (bool, Option<i32>) = one(&rows, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?;
        self.written(match (known, votes) {
            (_, Some(votes)) => VoteOutcome::Counted { votes },
            (true, None) => VoteOutcome::TooSoon,
            (false, None) => VoteOutcome::UnknownStation,
        })
        .await
    }

    /// One click per visitor, station and day (of UTC) is counted.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn click(&self, stationuuid: Uuid, visitor: Visitor) -> Result<Click, Error> {
        let rows = self.run(&sql::writes::click(stationuuid, visitor)?).await?;
        Ok(match sql::stations_of(&rows)?.pop() {
            Some(station) => Click::Play(Box::new(station)),
            None => Click::UnknownStation,
        })
    }

    /// With the position after the commit, which has been by now.
    async fn written<T>(&self, value: T) -> Result<Written<T>, Error> {
        let statement = Statement {
            sql: sql::writes::POSITION.to_owned(),
            arguments: PgArguments::default(),
        };
        let position = one(&self.run(&statement).await?, |row| {
            Ok(Position {
                system: row.try_get(0)?,
                timeline: row.try_get(1)?,
                lsn: row.try_get(2)?,
            })
        })?;
        Ok(Written { value, position })
    }

    /// Keeps counts and tables as they should be: click counts fall as their day passes, old clicks and votes are
    /// removed (at most 200,000 of each), summaries that an import left stale are made anew. To be called every
    /// minute or so; several callers do not disturb each other.
    ///
    /// # Errors
    /// The first one; see [`Error`]. A step that fails keeps none of the others from being done.
    pub async fn tidy(&self) -> Result<Tidied, Error> {
        let recounted = self.value(sql::writes::RECOUNT_CLICKS).await;
        let clicks = self.forget(sql::writes::FORGET_CLICKS).await;
        let votes = self.forget(sql::writes::FORGET_VOTES).await;
        let refreshed = self.value(sql::writes::REFRESH_SUMMARIES).await;
        Ok(Tidied {
            stations_recounted: recounted?,
            clicks_removed: clicks?,
            votes_removed: votes?,
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
        one(&self.run(&statement).await?, |row| row.try_get(0))
    }

    /// Runs a statement that is a transaction by itself.
    pub(crate) async fn run(&self, statement: &Statement) -> Result<Vec<PgRow>, Error> {
        let began = Instant::now();
        let outcome = match self.pool.lease_alive().await {
            Ok(lease) => lease
                .fetch_all(statement)
                .await
                .map_err(|f| f.into_write_error(began.elapsed())),
            // Nothing was sent.
            Err(failure) => Err(failure.before_sending()),
        };
        self.metrics.write(match &outcome {
            Ok(_) => "done",
            Err(Error::NoPrimary) => "no_primary",
            Err(_) => "failed",
        });
        outcome
    }
}

fn one<T>(rows: &[PgRow], of: impl Fn(&PgRow) -> Result<T, sqlx::Error>) -> Result<T, Error> {
    let row = rows.first().ok_or(Error::Database(sqlx::Error::RowNotFound))?;
    of(row).map_err(Error::Database)
}
