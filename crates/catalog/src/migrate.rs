//! Brings the schema to the version of this binary. See `migrations/README.md` for how a
//! migration has to be written.

use std::time::{Duration, Instant};

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use thiserror::Error;
use tokio::time::sleep;

use crate::DatabaseConfig;
use crate::connect::{Purpose, options, password};
use crate::failure::Failure;
use crate::pool::connect;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Between two attempts to find the primary.
const PAUSE: Duration = Duration::from_millis(250);

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Version of the schema before, `None` of an empty database.
    pub from: Option<i64>,
    /// Version now.
    pub to: i64,
    /// Migrations that ran, in order: version and name.
    pub applied: Vec<(i64, String)>,
}

/// Why the schema is not at this version.
#[derive(Debug, Error)]
pub enum Error {
    /// The configuration cannot be used; the text begins with the key.
    #[error("database.{0}")]
    Config(String),
    /// No primary within the deadline.
    #[error("no database primary within {seconds} s: {reason}")]
    NoPrimary {
        /// How long was waited.
        seconds: u64,
        /// What each node said last.
        reason: String,
    },
    /// A later version of Radiodeck has migrated this database.
    #[error(
        "the schema is at version {found}, newer than this binary, which knows {known}: install the newer Radiodeck"
    )]
    NewerSchema {
        /// Version of the schema.
        found: i64,
        /// Newest version that this binary knows.
        known: i64,
    },
    /// A migration failed. It was undone as a whole; those before it stay.
    #[error("migration: {0}")]
    Migration(#[from] MigrateError),
    /// Postgres said no.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

/// `if not exists` alone fails where two callers make it at once.
const MAKE_SCHEMA: &str = "do $$ begin \
    perform pg_advisory_xact_lock(20261, 3); create schema if not exists radiodeck; \
    end $$";

/// Waits for the primary, then runs what has not run yet. Several callers take turns.
///
/// `config` names the role that owns the schema, `radiodeck_owner`.
///
/// # Errors
/// See [`Error`]. Safe to repeat.
pub async fn run(config: &DatabaseConfig, deadline: Duration) -> Result<Report, Error> {
    config.check().map_err(Error::Config)?;
    let password = password(config).map_err(Error::Config)?;
    let mut primary = find_primary(config, &password, deadline).await?;
    sqlx::query(MAKE_SCHEMA).execute(&mut primary).await?;
    let before = versions(&mut primary).await?;
    let known = MIGRATOR
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default();
    let from = before.iter().copied().max();
    if let Some(found) = from.filter(|found| *found > known) {
        return Err(Error::NewerSchema { found, known });
    }
    MIGRATOR.run_direct(&mut primary).await?;
    let applied = MIGRATOR
        .iter()
        .filter(|migration| !before.contains(&migration.version))
        .map(|migration| (migration.version, migration.description.to_string()))
        .collect();
    let _ = primary.close().await;
    Ok(Report {
        from,
        to: known,
        applied,
    })
}

async fn versions(primary: &mut PgConnection) -> Result<Vec<i64>, Error> {
    let table: Option<String> = sqlx::query("select to_regclass('radiodeck._sqlx_migrations')::text")
        .fetch_one(&mut *primary)
        .await?
        .try_get(0)?;
    if table.is_none() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query("select version from radiodeck._sqlx_migrations")
        .fetch_all(primary)
        .await?;
    rows.iter().map(|row| row.try_get(0).map_err(Error::Database)).collect()
}

async fn find_primary(config: &DatabaseConfig, password: &str, deadline: Duration) -> Result<PgConnection, Error> {
    let until = Instant::now() + deadline;
    loop {
        let mut reasons = Vec::new();
        for node in &config.nodes {
            let reason = match connect(&options(config, node, password, Purpose::Migrate)).await {
                Ok(mut connection) => {
                    let row = sqlx::query("select pg_is_in_recovery()")
                        .fetch_one(&mut connection)
                        .await;
                    match row.and_then(|row| row.try_get(0)) {
                        Ok(false) => return Ok(connection),
                        Ok(true) => "is a replica".to_owned(),
                        Err(error) => error.to_string(),
                    }
                }
                Err(Failure::Connect(error)) => error.to_string(),
                Err(_) => "does not answer".to_owned(),
            };
            reasons.push(format!("{} {reason}", node.name));
        }
        if Instant::now() >= until {
            return Err(Error::NoPrimary {
                seconds: deadline.as_secs(),
                reason: reasons.join("; "),
            });
        }
        sleep(PAUSE).await;
    }
}
