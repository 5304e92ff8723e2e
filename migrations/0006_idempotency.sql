-- What became of writes, so that one that is sent again is answered again and not done again. A row is written in the
-- transaction of the write that it belongs to: either both are there or neither. Bounded by time: catalog's Write::tidy
-- removes rows once they expire, a day after the write at the latest.

create table radiodeck.idempotency (
    -- A hash of the client's key and of who sent it, or random where the client sent none.
    key bytea primary key check (octet_length(key) = 32),
    -- A hash of what was asked, so that one key is not taken for two different requests.
    fingerprint bytea not null check (octet_length(fingerprint) = 32),
    -- Null only within the transaction that writes the row.
    outcome jsonb,
    replays bigint not null default 0,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index idempotency_expires_at on radiodeck.idempotency (expires_at);

grant select, insert, update, delete on radiodeck.idempotency to radiodeck_app;
