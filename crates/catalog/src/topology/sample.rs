//! One look at a node, in one query.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

/// What a node said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Which cluster it belongs to.
    pub(crate) system: i64,
    pub(crate) in_recovery: bool,
    pub(crate) timeline: i32,
    /// False where the timeline is from the control file, which learns of a new one late.
    pub(crate) timeline_is_exact: bool,
    /// Bytes of WAL: flushed on a primary, replayed on a replica. Comparable within a timeline.
    pub(crate) position: i64,
    pub(crate) started: DateTime<Utc>,
}

// A replica's receiver knows its timeline exactly, but shows it only to roles with pg_read_all_stats.
const SQL: &str = "\
    select s.system_identifier, \
        pg_is_in_recovery(), \
        case when pg_is_in_recovery() \
            then coalesce(r.received_tli, greatest(c.timeline_id, m.min_recovery_end_timeline)) \
            else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer end, \
        not pg_is_in_recovery() or r.received_tli is not null, \
        (case when pg_is_in_recovery() \
            then coalesce(pg_last_wal_replay_lsn(), '0/0') \
            else pg_current_wal_flush_lsn() end - '0/0')::bigint, \
        pg_postmaster_start_time() \
    from pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() m \
    left join pg_stat_wal_receiver r on true";

pub(super) async fn take(connection: &mut PgConnection) -> Result<Sample, String> {
    let row = sqlx::query(SQL)
        .fetch_one(connection)
        .await
        .map_err(|error| error.to_string())?;
    read(&row).map_err(|error| error.to_string())
}

fn read(row: &PgRow) -> Result<Sample, sqlx::Error> {
    Ok(Sample {
        system: row.try_get(0)?,
        in_recovery: row.try_get(1)?,
        timeline: row.try_get(2)?,
        timeline_is_exact: row.try_get(3)?,
        position: row.try_get(4)?,
        started: row.try_get(5)?,
    })
}
