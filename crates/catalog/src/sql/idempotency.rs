//! The table of writes that were done.

use sqlx::{Postgres, QueryBuilder};

use super::statement;
use crate::Error;
use crate::idempotency::IdempotencyKey;
use crate::pool::Statement;

/// Gives `replays` (0: the key is new), `fingerprint`, `outcome`. A key that another transaction has just claimed is
/// waited for.
pub(crate) fn claim(key: &IdempotencyKey) -> Result<Statement, Error> {
    let mut sql =
        QueryBuilder::<Postgres>::new("insert into radiodeck.idempotency as i (key, fingerprint, expires_at) values (");
    sql.push_bind(key.key.to_vec());
    sql.push(", ");
    sql.push_bind(key.fingerprint.to_vec());
    sql.push(", now() + make_interval(secs => ");
    sql.push_bind(key.kept_for.as_secs_f64());
    sql.push(
        ")) on conflict (key) do update set replays = i.replays + 1 \
        returning i.replays, i.fingerprint, i.outcome::text",
    );
    statement(sql)
}

/// `outcome` is JSON.
pub(crate) fn keep(key: &IdempotencyKey, outcome: &str) -> Result<Statement, Error> {
    let mut sql = QueryBuilder::<Postgres>::new("update radiodeck.idempotency set outcome = ");
    sql.push_bind(outcome.to_owned());
    sql.push("::text::jsonb where key = ");
    sql.push_bind(key.key.to_vec());
    statement(sql)
}

/// At most as many rows as the other turns of forgetting remove.
pub(crate) const FORGET: &str = "\
    with gone as (\
        delete from radiodeck.idempotency where key in (\
            select key from radiodeck.idempotency \
            where expires_at < now() order by expires_at limit 10000 for update skip locked\
        ) returning 1\
    ) select count(*) from gone";
