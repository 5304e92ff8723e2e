-- How many stations bear each tag, country and so on, counted ahead: counting 53,000 stations takes some 50 ms, reading
-- the counts takes one. The views always count anew; the tables hold what they said when last refreshed. Whoever
-- changes stations sets totals.stale in the same transaction, and while it is set, queries read the views.

create view radiodeck.category_counts as
    select 'tag' as kind, tag as name, null::text as code,
           count(*) as stations, count(*) filter (where lastcheckok) as working
    from radiodeck.stations, unnest(tag_list) as tag
    group by tag
    union all
    select 'country', country, nullif(mode() within group (order by countrycode), ''),
           count(*), count(*) filter (where lastcheckok)
    from radiodeck.stations
    where country <> ''
    group by country
    union all
    select 'countrycode', countrycode, null, count(*), count(*) filter (where lastcheckok)
    from radiodeck.stations
    where countrycode <> ''
    group by countrycode
    union all
    select 'state', state, nullif(country, ''), count(*), count(*) filter (where lastcheckok)
    from radiodeck.stations
    where state <> ''
    group by state, country
    union all
    -- Names and codes belong together by position, where there are as many of the one as of the other.
    select 'language', each.name, mode() within group (order by each.code), count(*), count(*) filter (where lastcheckok)
    from radiodeck.stations,
         unnest(language_list,
                case when cardinality(language_list) = cardinality(string_to_array(languagecodes, ','))
                     then string_to_array(languagecodes, ',') end) as each (name, code)
    where each.name is not null
    group by each.name
    union all
    select 'codec', codec, null, count(*), count(*) filter (where lastcheckok)
    from radiodeck.stations
    where codec <> ''
    group by codec;

create table radiodeck.categories (
    kind text not null,
    name text not null,
    code text,
    stations bigint not null,
    working bigint not null
);
create index categories_kind on radiodeck.categories (kind);

-- One row.
create table radiodeck.totals (
    only_row boolean primary key default true check (only_row),
    stale boolean not null default false,
    stations bigint not null default 0,
    broken bigint not null default 0,
    tags bigint not null default 0,
    languages bigint not null default 0,
    countries bigint not null default 0
);
insert into radiodeck.totals default values;

create view radiodeck.live_totals as
    select (select count(*) from radiodeck.stations) as stations,
           (select count(*) from radiodeck.stations where not lastcheckok) as broken,
           (select count(*) from radiodeck.category_counts where kind = 'tag') as tags,
           (select count(*) from radiodeck.category_counts where kind = 'language') as languages,
           (select count(*) from radiodeck.category_counts where kind = 'countrycode') as countries;

create function radiodeck.refresh_summaries() returns void
    language plpgsql
    set search_path = ''
as $$
begin
    -- First, so that changes which commit from here on wait for this row and mark it again.
    update radiodeck.totals set stale = false;
    delete from radiodeck.categories;
    insert into radiodeck.categories select kind, name, code, stations, working from radiodeck.category_counts;
    update radiodeck.totals
    set (stations, broken, tags, languages, countries) =
        (select stations, broken, tags, languages, countries from radiodeck.live_totals);
end
$$;

grant select, insert, update, delete on radiodeck.categories, radiodeck.totals to radiodeck_app;
grant select on radiodeck.category_counts, radiodeck.live_totals to radiodeck_app;
