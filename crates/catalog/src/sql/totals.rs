//! Totals, from the summary or, while that is stale, counted anew.

use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};

use super::statement;
use crate::pool::Statement;
use crate::{Error, Stats};

const TOTALS: &str = "(\
    select stations, broken, tags, languages, countries from radiodeck.totals where not stale \
    union all \
    select stations, broken, tags, languages, countries from radiodeck.live_totals \
    where (select stale from radiodeck.totals)) as t";

pub(crate) fn stats() -> Result<Statement, Error> {
    statement(QueryBuilder::<Postgres>::new(format!(
        "select t.stations, t.broken, t.tags, \
            (select count(*) from radiodeck.clicks where clicked_at > now() - interval '1 hour'), \
            (select count(*) from radiodeck.clicks where clicked_at > now() - interval '1 day'), \
            t.languages, t.countries \
         from {TOTALS}"
    )))
}

/// The count of all stations, which need not be counted.
pub(crate) fn count_all(hide_broken: bool) -> Result<Statement, Error> {
    let number = if hide_broken {
        "t.stations - t.broken"
    } else {
        "t.stations"
    };
    statement(QueryBuilder::<Postgres>::new(format!("select {number} from {TOTALS}")))
}

pub(crate) fn of(row: &PgRow) -> Result<Stats, sqlx::Error> {
    let broken = row.try_get(1)?;
    Ok(Stats {
        stations: row.try_get::<i64, _>(0)?,
        stations_broken: broken,
        tags: row.try_get(2)?,
        clicks_last_hour: row.try_get(3)?,
        clicks_last_day: row.try_get(4)?,
        languages: row.try_get(5)?,
        countries: row.try_get(6)?,
    })
}
