//! Many clicks in one statement.

use chrono::{DateTime, Utc};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::statement;
use super::writes::bounded;
use crate::pool::Statement;
use crate::{Error, Visitor};

/// Gives how many of them counted. Those of stations that are not there do not. The time of a click is what its server's
/// clock said; one that is fast cannot put clicks into the future.
///
/// Rows are locked in the order of their keys, so that two batches never wait for each other; `given` must be in
/// that order.
pub(crate) fn batch(given: &[((Uuid, Visitor), DateTime<Utc>)]) -> Result<Statement, Error> {
    let mut sql = QueryBuilder::<Postgres>::new("with given as (select g.* from unnest(");
    sql.push_bind(given.iter().map(|((station, _), _)| *station).collect::<Vec<_>>());
    sql.push(", ");
    sql.push_bind(
        given
            .iter()
            .map(|((_, visitor), _)| visitor.0.to_vec())
            .collect::<Vec<_>>(),
    );
    sql.push(", ");
    sql.push_bind(given.iter().map(|(_, at)| *at).collect::<Vec<_>>());
    let clickcount = bounded("s.clickcount::bigint + sums.clicks");
    let clicktrend = bounded("s.clicktrend::bigint + sums.clicks");
    sql.push(format!(
        ") as g (stationuuid, visitor, clicked_at) join radiodeck.stations using (stationuuid)\
        ), click as (\
            insert into radiodeck.clicks (stationuuid, visitor, day, clicked_at) \
            select stationuuid, visitor, (least(clicked_at, now()) at time zone 'utc')::date, least(clicked_at, now()) \
            from given order by stationuuid, visitor \
            on conflict do nothing returning stationuuid, clicked_at\
        ), sums as (\
            select stationuuid, count(*) as clicks, max(clicked_at) as last from click group by stationuuid\
        ), locked as (\
            select stationuuid from radiodeck.stations where stationuuid in (select stationuuid from sums) \
            order by stationuuid for no key update\
        ), counted as (\
            update radiodeck.stations s \
            set clickcount = {clickcount}, clicktrend = {clicktrend}, \
                clicktimestamp = greatest(s.clicktimestamp, date_trunc('second', sums.last)) \
            from sums join locked using (stationuuid) where s.stationuuid = sums.stationuuid\
        ) select count(*) from click"
    ));
    statement(sql)
}
