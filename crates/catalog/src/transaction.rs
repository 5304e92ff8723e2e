//! One transaction on the primary, and the moment from which it is unknown whether it took place.
//!
//! It costs three round trips beside those of its statements: one to begin, and one for COMMIT and the position after it,
//! which go together; a third, a ping, only where the connection had been idle. Of every lease the statement, lock and
//! idle-in-transaction timeouts are settled when the connection opens (see connect.rs), so they hold here as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::Position;
use crate::failure::Failure;
use crate::pool::{Lease, Pool, Statement};

/// The simple query protocol runs both in one message; the second only sees what the first has made durable. Statement
/// timeouts do not end the wait for a synchronous replica: Postgres takes them down before it commits.
const COMMIT: &str = "\
    commit; \
    select s.system_identifier, \
        ('x' || substr(pg_walfile_name(w.lsn), 1, 8))::bit(32)::integer, \
        (w.lsn - '0/0')::bigint \
    from pg_control_system() s, pg_current_wal_flush_lsn() as w (lsn)";

/// Whether COMMIT has left. Shared with whoever waits for the transaction, who may give up at any point of it.
pub(crate) type CommitSent = Arc<AtomicBool>;

/// An open transaction. Dropping it closes the connection, on which Postgres rolls back.
pub(crate) struct Transaction {
    lease: Lease,
    commit_sent: CommitSent,
}

impl Transaction {
    pub(crate) async fn begin(pool: &Arc<Pool>, commit_sent: CommitSent) -> Result<Self, Failure> {
        let mut lease = pool.lease_alive().await?;
        lease.script("begin").await?;
        Ok(Self { lease, commit_sent })
    }

    pub(crate) async fn run(&mut self, statement: &Statement) -> Result<Vec<PgRow>, Failure> {
        self.lease.run(statement).await
    }

    /// Gives the position from which the transaction can be seen.
    pub(crate) async fn commit(mut self) -> Result<Position, Failure> {
        self.commit_sent.store(true, Ordering::Relaxed);
        let rows = self.lease.script(COMMIT).await?;
        let row = rows.first().ok_or(Failure::Query(sqlx::Error::RowNotFound))?;
        let position = position(row).map_err(Failure::Query)?;
        self.lease.give_back();
        Ok(position)
    }

    /// For a transaction that came to nothing through no fault of the connection.
    pub(crate) async fn rollback(mut self) -> Result<(), Failure> {
        self.lease.script("rollback").await?;
        self.lease.give_back();
        Ok(())
    }
}

fn position(row: &PgRow) -> Result<Position, sqlx::Error> {
    Ok(Position {
        system: row.try_get(0)?,
        timeline: row.try_get(1)?,
        lsn: row.try_get(2)?,
    })
}
