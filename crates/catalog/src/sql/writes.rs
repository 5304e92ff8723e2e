//! Changes, each in one statement: one round trip and, by itself, one transaction.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{COLUMNS, statement};
use crate::pool::Statement;
use crate::{Error, Visitor};

/// A count, or a difference of two, kept where a column holds it. Both sides leave room: a count that has come so far
/// stands still, but no vote and no click fails on it.
pub(crate) fn bounded(number: &str) -> String {
    format!("greatest(-2000000000, least(2000000000, {number}))")
}

/// Gives `known`, `votes`: whether the station exists, and its votes if this one counted.
pub(crate) fn vote(stationuuid: Uuid, visitor: Visitor) -> Result<Statement, Error> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "with station as (\
            select stationuuid from radiodeck.stations where stationuuid = ",
    );
    sql.push_bind(stationuuid);
    sql.push("), vote as (insert into radiodeck.votes as v (stationuuid, visitor, voted_at) select stationuuid, ");
    sql.push_bind(visitor.0.to_vec());
    // Two at once meet at the key: the second waits for the first and then finds it too new to be replaced.
    sql.push(format!(
        ", now() from station \
            on conflict (stationuuid, visitor) do update set voted_at = excluded.voted_at \
            where v.voted_at <= excluded.voted_at - interval '24 hours' \
            returning stationuuid\
        ), counted as (\
            update radiodeck.stations s set votes = {} from vote \
            where s.stationuuid = vote.stationuuid returning s.votes\
        ) select exists (select from station), (select votes from counted)",
        bounded("s.votes::bigint + 1")
    ));
    statement(sql)
}

/// Gives the station as it is now, or nothing.
pub(crate) fn click(stationuuid: Uuid, visitor: Visitor) -> Result<Statement, Error> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "with station as (\
            select stationuuid from radiodeck.stations where stationuuid = ",
    );
    sql.push_bind(stationuuid);
    sql.push("), click as (insert into radiodeck.clicks (stationuuid, visitor, day, clicked_at) select stationuuid, ");
    sql.push_bind(visitor.0.to_vec());
    let clickcount = bounded("s.clickcount::bigint + 1");
    let clicktrend = bounded("s.clicktrend::bigint + 1");
    sql.push(format!(
        ", (now() at time zone 'utc')::date, now() from station \
            on conflict do nothing returning stationuuid\
        ), counted as (\
            update radiodeck.stations s \
            set clickcount = {clickcount}, clicktrend = {clicktrend}, \
                clicktimestamp = greatest(s.clicktimestamp, date_trunc('second', now())) \
            from click where s.stationuuid = click.stationuuid returning {COLUMNS}\
        ) select * from counted \
        union all \
        select {COLUMNS} from radiodeck.stations s, station \
        where s.stationuuid = station.stationuuid and not exists (select from counted)"
    ));
    statement(sql)
}

/// Where the primary's log is, durably: system identifier, timeline, bytes.
pub(crate) const POSITION: &str = "\
    select system_identifier, ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer, \
        (pg_current_wal_flush_lsn() - '0/0')::bigint \
    from pg_control_system()";

/// See `radiodeck.recount_clicks`. Gives how many stations changed.
pub(crate) const RECOUNT_CLICKS: &str = "select radiodeck.recount_clicks()";

/// See `radiodeck.refresh_stale_summaries`. Gives whether it was done.
pub(crate) const REFRESH_SUMMARIES: &str = "select radiodeck.refresh_stale_summaries()";

/// Rows that one turn of forgetting removes at most.
pub(crate) const FORGET_ROWS: i64 = 10_000;

/// Clicks are kept for a day longer than they count, so that each has been counted out before it goes.
pub(crate) const FORGET_CLICKS: &str = "\
    with gone as (\
        delete from radiodeck.clicks where (stationuuid, visitor, day) in (\
            select stationuuid, visitor, day from radiodeck.clicks \
            where clicked_at < now() - interval '3 days' order by clicked_at limit 10000 for update skip locked\
        ) returning 1\
    ) select count(*) from gone";

/// A vote that is a day old keeps nobody from voting again.
pub(crate) const FORGET_VOTES: &str = "\
    with gone as (\
        delete from radiodeck.votes where (stationuuid, visitor) in (\
            select stationuuid, visitor from radiodeck.votes \
            where voted_at < now() - interval '24 hours' order by voted_at limit 10000 for update skip locked\
        ) returning 1\
    ) select count(*) from gone";
