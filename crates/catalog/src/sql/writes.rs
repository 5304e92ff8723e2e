//! Changes, each in one statement: one round trip and, by itself, one transaction.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{COLUMNS, statement};
use crate::pool::Statement;
use crate::{Error, Visitor};

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
    sql.push(
        ", now() from station \
            on conflict (stationuuid, visitor) do update set voted_at = excluded.voted_at \
            where v.voted_at <= excluded.voted_at - interval '24 hours' \
            returning stationuuid\
        ), counted as (\
            update radiodeck.stations s set votes = s.votes + 1 from vote \
            where s.stationuuid = vote.stationuuid returning s.votes\
        ) select exists (select from station), (select votes from counted)",
    );
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
    sql.push(format!(
        ", (now() at time zone 'utc')::date, now() from station \
            on conflict do nothing returning stationuuid\
        ), counted as (\
            update radiodeck.stations s \
            set clickcount = s.clickcount + 1, clicktrend = s.clicktrend + 1, \
                clicktimestamp = greatest(s.clicktimestamp, date_trunc('second', now())) \
            from click where s.stationuuid = click.stationuuid returning {COLUMNS}\
        ) select * from counted \
        union all \
        select {COLUMNS} from radiodeck.stations s, station \
        where s.stationuuid = station.stationuuid and not exists (select from counted)"
    ));
    statement(sql)
}

/// Click counts as they are now: those of the source and ours of the last day, the trend against the day before. Gives how
/// many stations changed.
pub(crate) const RECOUNT_CLICKS: &str = "\
    with ours as (\
        select stationuuid, \
            count(*) filter (where clicked_at > now() - interval '1 day') as today, \
            count(*) filter (where clicked_at <= now() - interval '1 day' \
                and clicked_at > now() - interval '2 days') as yesterday \
        from radiodeck.clicks group by stationuuid\
    ), counted as (\
        update radiodeck.stations s \
        set clickcount = s.source_clickcount + ours.today, \
            clicktrend = s.source_clicktrend + ours.today - ours.yesterday \
        from ours where s.stationuuid = ours.stationuuid \
            and (s.clickcount, s.clicktrend) is distinct from \
                (s.source_clickcount + ours.today, s.source_clicktrend + ours.today - ours.yesterday) \
        returning 1\
    ) select count(*) from counted";

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
