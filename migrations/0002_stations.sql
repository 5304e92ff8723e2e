-- The stations. Text is never null; lists are kept as comma lists, which is how the API has them, and as
-- arrays, which is how they are searched.

create table radiodeck.stations (
    stationuuid uuid primary key,
    changeuuid uuid not null,
    serveruuid uuid,
    name text not null check (name <> '' and char_length(name) <= 400),
    name_folded text collate "C" not null generated always as (radiodeck.fold(name)) stored,
    url text not null check (url ~* '^https?://'),
    url_resolved text not null default '',
    homepage text not null default '',
    favicon text not null default '',
    tags text not null default '',
    tag_list text[] not null generated always as (string_to_array(tags, ',')) stored,
    country text not null default '',
    countrycode text not null default '' check (countrycode = '' or countrycode ~ '^[A-Z]{2}$'),
    iso_3166_2 text,
    state text not null default '',
    language text not null default '',
    language_list text[] not null generated always as (string_to_array(language, ',')) stored,
    languagecodes text not null default '',
    votes integer not null default 0 check (votes >= 0),
    lastchangetime timestamptz,
    codec text not null default '',
    bitrate integer not null default 0 check (bitrate >= 0),
    hls boolean not null default false,
    lastcheckok boolean not null default true,
    lastchecktime timestamptz,
    lastcheckoktime timestamptz,
    lastlocalchecktime timestamptz,
    clicktimestamp timestamptz,
    clickcount integer not null default 0 check (clickcount >= 0),
    clicktrend integer not null default 0,
    ssl_error boolean not null default false,
    geo_lat double precision check (geo_lat between -90 and 90),
    geo_long double precision check (geo_long between -180 and 180),
    has_extended_info boolean not null default false,
    -- What of the counts above came with the last import. The rest was counted here, and an import leaves it alone.
    source_votes integer not null default 0,
    source_clickcount integer not null default 0,
    source_clicktrend integer not null default 0,
    -- Fields that the import cleaned, as they came; null when none was.
    original jsonb,
    check ((geo_lat is null) = (geo_long is null))
) with (
    -- Room for a vote to be counted on the page that it is on.
    fillfactor = 90,
    -- Index-only scans by name need pages that vacuum has seen.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.05
);

-- So that a rare word is known to be rare: it decides between walking the names in order and asking the trigrams.
alter table radiodeck.stations alter column name_folded set statistics 1000;
alter table radiodeck.stations alter column tags set statistics 500;
alter table radiodeck.stations alter column tag_list set statistics 500;

-- Names in order, with what a walk along them filters by: a search for a frequent word touches no table page
-- but those of its results.
create index stations_name on radiodeck.stations (name_folded, stationuuid) include (lastcheckok);

-- Everything that is searched by a part or by membership, in one index, so that conditions meet inside it. How long its
-- list of new entries may grow is set by each connection (see catalog's connect.rs).
create index stations_search on radiodeck.stations using gin (
    name_folded public.gin_trgm_ops,
    tags public.gin_trgm_ops,
    lower(country) public.gin_trgm_ops,
    lower(state) public.gin_trgm_ops,
    language public.gin_trgm_ops,
    tag_list,
    language_list
);

-- Orders, each with the ties as the queries have them: by name, then identity.
create index stations_votes on radiodeck.stations (votes desc, name_folded, stationuuid);
create index stations_clickcount on radiodeck.stations (clickcount desc, name_folded, stationuuid);
create index stations_clicktrend on radiodeck.stations (clicktrend desc, name_folded, stationuuid);
create index stations_bitrate on radiodeck.stations (bitrate desc, name_folded, stationuuid);
create index stations_lastchangetime on radiodeck.stations (lastchangetime desc nulls last, name_folded, stationuuid);
create index stations_lastchecktime on radiodeck.stations (lastchecktime desc nulls last, name_folded, stationuuid);
create index stations_clicktimestamp on radiodeck.stations (clicktimestamp desc nulls last, name_folded, stationuuid);

-- Filters by the whole value.
create index stations_countrycode on radiodeck.stations (countrycode, name_folded, stationuuid);
create index stations_country on radiodeck.stations (lower(country));
create index stations_state on radiodeck.stations (lower(state));
create index stations_codec on radiodeck.stations (lower(codec));
-- A hash, because addresses may be longer than what a b-tree takes.
create index stations_url on radiodeck.stations using hash (url);

grant select, insert, update, delete on radiodeck.stations to radiodeck_app;
