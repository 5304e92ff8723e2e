//! The queries, built with bound values only.

pub(crate) mod categories;
pub(crate) mod clicks;
pub(crate) mod idempotency;
mod order;
pub(crate) mod pages;
mod row;
pub(crate) mod stations;
pub(crate) mod totals;
pub(crate) mod writes;

use sqlx::{Execute, Postgres, QueryBuilder};

use crate::pool::Statement;
use crate::{Error, Station};

pub(crate) use row::{COLUMNS, station};

/// What a builder has built.
pub(crate) fn statement(mut builder: QueryBuilder<'_, Postgres>) -> Result<Statement, Error> {
    let arguments = builder
        .build()
        .take_arguments()
        .map_err(|error| Error::Database(sqlx::Error::Encode(error)))?
        .unwrap_or_default();
    let sql = builder.into_sql();
    Ok(Statement { sql, arguments })
}

/// Postgres stores any character but NUL.
pub(crate) fn storable(text: &str) -> Result<&str, Error> {
    match text.contains('\0') {
        true => Err(Error::BadText),
        false => Ok(text),
    }
}

/// Every row as a station.
pub(crate) fn stations_of(rows: &[sqlx::postgres::PgRow]) -> Result<Vec<Station>, Error> {
    rows.iter()
        .map(station)
        .collect::<Result<_, _>>()
        .map_err(Error::Database)
}
