-- Who voted for and clicked on what, only to count each visitor once. A visitor is a keyed hash of an address.
-- Both tables are bounded by time: catalog's Write::tidy removes votes after a day and clicks after three. Should a
-- day's clicks ever be too many to delete row by row, partition clicks by clicked_at and drop partitions.

create table radiodeck.votes (
    stationuuid uuid not null references radiodeck.stations on delete cascade,
    visitor bytea not null check (octet_length(visitor) = 16),
    voted_at timestamptz not null,
    primary key (stationuuid, visitor)
);
create index votes_voted_at on radiodeck.votes (voted_at);

create table radiodeck.clicks (
    stationuuid uuid not null references radiodeck.stations on delete cascade,
    visitor bytea not null check (octet_length(visitor) = 16),
    -- UTC.
    day date not null,
    clickuuid uuid not null default gen_random_uuid(),
    clicked_at timestamptz not null,
    primary key (stationuuid, visitor, day)
);
create index clicks_clicked_at on radiodeck.clicks (clicked_at, stationuuid);

grant select, insert, update, delete on radiodeck.votes, radiodeck.clicks to radiodeck_app;
