//! One batch into the table, in one statement: all of it or nothing.

use std::collections::HashMap;
use std::sync::LazyLock;

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder};

use super::report::Written;
use super::row::Row;
use crate::Error;
use crate::pool::Statement;
use crate::sql::statement;
use crate::sql::writes::bounded;

/// Columns that the source sets, and their types, in the order in which [`batch`] binds them.
const COLUMNS: [(&str, &str); 32] = [
    ("stationuuid", "uuid"),
    ("changeuuid", "uuid"),
    ("serveruuid", "uuid"),
    ("name", "text"),
    ("url", "text"),
    ("url_resolved", "text"),
    ("homepage", "text"),
    ("favicon", "text"),
    ("tags", "text"),
    ("country", "text"),
    ("countrycode", "text"),
    ("iso_3166_2", "text"),
    ("state", "text"),
    ("language", "text"),
    ("languagecodes", "text"),
    ("source_votes", "integer"),
    ("lastchangetime", "timestamptz"),
    ("codec", "text"),
    ("bitrate", "integer"),
    ("hls", "boolean"),
    ("lastcheckok", "boolean"),
    ("lastchecktime", "timestamptz"),
    ("lastcheckoktime", "timestamptz"),
    ("lastlocalchecktime", "timestamptz"),
    ("clicktimestamp", "timestamptz"),
    ("source_clickcount", "integer"),
    ("source_clicktrend", "integer"),
    ("ssl_error", "boolean"),
    ("geo_lat", "double precision"),
    ("geo_long", "double precision"),
    ("has_extended_info", "boolean"),
    ("original", "text"),
];

/// The value of a column after a conflict, as SQL, where it is not simply the new one.
fn merged(column: &str) -> Option<String> {
    match column {
        // Raised, never lowered.
        "source_votes" => Some("greatest(s.source_votes, excluded.source_votes)".into()),
        // Known times are not forgotten; the last click is the later one of the source's and ours.
        "clicktimestamp" => Some("greatest(s.clicktimestamp, excluded.clicktimestamp)".into()),
        column if column.ends_with("time") => Some(format!("coalesce(excluded.{column}, s.{column})")),
        _ => None,
    }
}

static HEAD: LazyLock<String> = LazyLock::new(|| {
    let names = COLUMNS.map(|(name, _)| name).join(", ");
    let given = COLUMNS
        .map(|(name, _)| if name == "original" { "original::jsonb" } else { name })
        .join(", ");
    // In order of the key, so that two imports at once take locks in the same order.
    format!(
        "with changed as (insert into radiodeck.stations as s ({names}, votes, clickcount, clicktrend) \
         select {given}, source_votes, source_clickcount, source_clicktrend from unnest("
    )
});

static TAIL: LazyLock<String> = LazyLock::new(|| {
    let names = COLUMNS.map(|(name, _)| name).join(", ");
    let set = COLUMNS[1..]
        .iter()
        .map(|(name, _)| {
            format!(
                "{name} = {}",
                merged(name).unwrap_or_else(|| format!("excluded.{name}"))
            )
        })
        .collect::<Vec<_>>()
        .join(", ");
    let old = COLUMNS[1..]
        .iter()
        .map(|(name, _)| format!("s.{name}"))
        .collect::<Vec<_>>()
        .join(", ");
    let new = COLUMNS[1..]
        .iter()
        .map(|(name, _)| merged(name).unwrap_or_else(|| format!("excluded.{name}")))
        .collect::<Vec<_>>()
        .join(", ");
    let votes = bounded("s.votes::bigint - s.source_votes + greatest(s.source_votes, excluded.source_votes)");
    let clickcount = bounded("s.clickcount::bigint - s.source_clickcount + excluded.source_clickcount");
    let clicktrend = bounded("s.clicktrend::bigint - s.source_clicktrend + excluded.source_clicktrend");
    format!(
        ") as given ({names}) order by stationuuid \
         on conflict (stationuuid) do update set {set}, \
            votes = {votes}, clickcount = greatest(0, {clickcount}), clicktrend = {clicktrend} \
         where ({old}) is distinct from ({new}) \
         returning xmax = 0 as inserted), \
         marked as (update radiodeck.totals set stale = true where exists (select from changed)) \
         select count(*) filter (where inserted), count(*) filter (where not inserted) from changed"
    )
});

/// The last of equal identities stays. Gives how many went.
pub(super) fn without_repeats(rows: Vec<Row>) -> (Vec<Row>, u64) {
    let all = rows.len();
    let mut last = HashMap::with_capacity(all);
    for (index, row) in rows.iter().enumerate() {
        last.insert(row.stationuuid, index);
    }
    let kept: Vec<Row> = rows
        .into_iter()
        .enumerate()
        .filter(|(index, row)| last.get(&row.stationuuid) == Some(index))
        .map(|(_, row)| row)
        .collect();
    let gone = all - kept.len();
    (kept, gone as u64)
}

/// The statement for rows of different identity.
pub(super) fn batch(rows: &[Row]) -> Result<Statement, Error> {
    let mut sql = QueryBuilder::<Postgres>::new(HEAD.as_str());
    let mut types = COLUMNS.iter().map(|(_, kind)| *kind);
    macro_rules! bind {
        ($($column:ident),*) => {$(
            let kind = types.next().unwrap_or_default();
            sql.push_bind(rows.iter().map(|row| row.$column.clone()).collect::<Vec<_>>());
            sql.push(format!("::{kind}[]{}", if kind_is_last(&types) { "" } else { ", " }));
        )*};
    }
    bind!(
        stationuuid,
        changeuuid,
        serveruuid,
        name,
        url,
        url_resolved,
        homepage,
        favicon,
        tags,
        country,
        countrycode,
        iso_3166_2,
        state,
        language,
        languagecodes,
        votes,
        lastchangetime,
        codec,
        bitrate,
        hls,
        lastcheckok,
        lastchecktime,
        lastcheckoktime,
        lastlocalchecktime,
        clicktimestamp,
        clickcount,
        clicktrend,
        ssl_error,
        geo_lat,
        geo_long,
        has_extended_info,
        original
    );
    sql.push(TAIL.as_str());
    statement(sql)
}

fn kind_is_last(types: &(impl ExactSizeIterator + Clone)) -> bool {
    types.len() == 0
}

/// What the statement changed, of `rows`.
pub(super) fn written(answer: &[PgRow], rows: usize) -> Result<Written, sqlx::Error> {
    let row = answer.first().ok_or(sqlx::Error::RowNotFound)?;
    let (inserted, updated): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let (inserted, updated) = (inserted.unsigned_abs(), updated.unsigned_abs());
    Ok(Written {
        inserted,
        updated,
        unchanged: (rows as u64).saturating_sub(inserted + updated),
    })
}
