-- What catalog's Write::tidy has done once a minute, by every app server. Each function takes a lock of its own first and
-- does nothing where another server holds it. Functions, because what follows the lock must see what was committed
-- before it was taken: in a single statement it would see what there was when the statement began, and
-- undo what another server has just done.

-- Click counts as they are now: those of the source and ours of the last day, the trend against the day before. Gives how
-- many stations changed.
create function radiodeck.recount_clicks() returns bigint
    language plpgsql
    set search_path = ''
as $$
declare
    changed bigint;
begin
    if not pg_try_advisory_xact_lock(20261, 1) then
        return 0;
    end if;
    with ours as (
        select stationuuid,
               count(*) filter (where clicked_at > now() - interval '1 day') as today,
               count(*) filter (where clicked_at <= now() - interval '1 day'
                   and clicked_at > now() - interval '2 days') as yesterday
        from radiodeck.clicks
        group by stationuuid
    )
    update radiodeck.stations s
    set clickcount = least(2000000000, s.source_clickcount + ours.today),
        clicktrend = greatest(-2000000000, least(2000000000, s.source_clicktrend + ours.today - ours.yesterday))
    from ours
    where s.stationuuid = ours.stationuuid
        and (s.clickcount, s.clicktrend) is distinct from
            (least(2000000000, s.source_clickcount + ours.today),
             greatest(-2000000000, least(2000000000, s.source_clicktrend + ours.today - ours.yesterday)));
    get diagnostics changed = row_count;
    return changed;
end
$$;

-- Counts ahead anew where an import that was cut off left the counts stale. Gives whether it did. An import that is
-- writing holds the row of the totals: then there is nothing to do, it will refresh them itself.
create function radiodeck.refresh_stale_summaries() returns boolean
    language plpgsql
    set search_path = ''
as $$
begin
    if not pg_try_advisory_xact_lock(20261, 2) then
        return false;
    end if;
    perform from radiodeck.totals where stale for update skip locked;
    if not found then
        return false;
    end if;
    perform radiodeck.refresh_summaries();
    return true;
end
$$;
