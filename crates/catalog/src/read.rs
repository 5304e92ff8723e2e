//! Reads. Nothing here can change anything: the connections are read-only.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::batches::{BATCH, StationBatches};
use crate::database::Inner;
use crate::pool::Statement;
use crate::{Category, CategoryCount, CategoryQuery, Error, Freshness, Position, Station, StationQuery, Stats, sql};

/// Queries that change nothing. Each method picks a node by itself and, when that node fails,
/// asks another one. Clones share what they have [seen](Read::seen).
#[derive(Clone)]
pub struct Read {
    inner: Arc<Inner>,
    freshness: Freshness,
    seen: Arc<Mutex<Option<Position>>>,
}

impl Read {
    pub(crate) fn new(inner: Arc<Inner>, freshness: Freshness) -> Self {
        Self {
            inner,
            freshness,
            seen: Arc::default(),
        }
    }

    /// The newest state that any answer so far may show: whoever reads on from there goes never backwards. `None` before
    /// the first answer, and of [`Freshness::Bounded`], which does not ask.
    #[must_use]
    pub fn seen(&self) -> Option<Position> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a query on a node that is fresh enough, and remembers how fresh it was.
    pub(crate) async fn fetch_all(&self, statement: &Statement) -> Result<Vec<PgRow>, Error> {
        let answer = self.inner.fetch_all(statement, self.freshness).await?;
        if let Some(now) = answer.seen {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen = Some(seen.map_or(now, |before| before.later(now)));
        }
        Ok(answer.rows)
    }

    /// Stations by `query`, in batches of at most 500.
    ///
    /// # Errors
    /// See [`Error`]; safe to retry.
    pub async fn stations(&self, query: &StationQuery) -> Result<StationBatches, Error> {
        if query.limit == Some(0) {
            return Ok(StationBatches::whole(Vec::new()));
        }
        if query.limit.is_some_and(|limit| limit as usize <= BATCH) {
            let rows = self.fetch_all(&sql::stations::list(query)?).await?;
            return Ok(StationBatches::whole(sql::stations_of(&rows)?));
        }
        StationBatches::begin(self.clone(), query.clone()).await
    }

    /// One station.
    ///
    /// # Errors
    /// See [`Error`]; safe to retry.
    pub async fn station(&self, stationuuid: Uuid) -> Result<Option<Station>, Error> {
        let rows = self.fetch_all(&sql::stations::one(stationuuid)?).await?;
        Ok(sql::stations_of(&rows)?.pop())
    }

    /// How many stations `query` finds, offset and limit aside.
    ///
    /// # Errors
    /// See [`Error`]; safe to retry.
    pub async fn count(&self, query: &StationQuery) -> Result<i64, Error> {
        let all = StationQuery {
            hide_broken: query.hide_broken,
            order: query.order,
            reverse: query.reverse,
            offset: query.offset,
            limit: query.limit,
            ..StationQuery::default()
        };
        let statement = match *query == all {
            true => sql::totals::count_all(query.hide_broken)?,
            false => sql::stations::count(query)?,
        };
        let rows = self.fetch_all(&statement).await?;
        first(&rows, |row| row.try_get(0))
    }

    /// A category's names with their station counts.
    ///
    /// # Errors
    /// See [`Error`]; safe to retry.
    pub async fn category(&self, category: Category, query: &CategoryQuery) -> Result<Vec<CategoryCount>, Error> {
        let rows = self.fetch_all(&sql::categories::list(category, query)?).await?;
        let counts = rows.iter().map(sql::categories::count);
        counts.collect::<Result<_, _>>().map_err(Error::Database)
    }

    /// Totals.
    ///
    /// # Errors
    /// See [`Error`]; safe to retry.
    pub async fn stats(&self) -> Result<Stats, Error> {
        let rows = self.fetch_all(&sql::totals::stats()?).await?;
        first(&rows, sql::totals::of)
    }
}

fn first<T>(rows: &[PgRow], of: impl Fn(&PgRow) -> Result<T, sqlx::Error>) -> Result<T, Error> {
    let row = rows.first().ok_or(Error::Database(sqlx::Error::RowNotFound))?;
    of(row).map_err(Error::Database)
}
