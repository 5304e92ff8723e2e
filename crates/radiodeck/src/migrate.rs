//! `radiodeck migrate`: brings the database to this version, and an empty one to
//! the starter catalogue.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use catalog::{Database, DatabaseConfig, Freshness, StationQuery};
use thiserror::Error;

use crate::{config, error, import};

/// How long a primary is waited for: a cluster that was killed whole waits out the lease of its last primary first.
const PRIMARY_DEADLINE: Duration = Duration::from_secs(120);
/// How long a node may take to show the tables that have just been made.
const COUNT_DEADLINE: Duration = Duration::from_secs(30);

/// A hundred and more public stations, so that the site is never empty.
const STARTER: &str = include_str!("../../../data/starter.ndjson");

/// Why the database is not at this version.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Config(#[from] service::ConfigError),
    #[error("migrate: {0}")]
    Migrate(#[from] catalog::migrate::Error),
    #[error("migrate: database.{0}")]
    Open(String),
    #[error("migrate: cannot count the stations: {0}")]
    Count(catalog::Error),
    #[error("migrate: starter catalogue: {0}")]
    Starter(#[from] catalog::import::Error),
}

/// Bring the database to this version.
///
/// Waits up to two minutes for the primary and runs, as the role that owns the
/// tables, the migrations that have not run yet. Safe to repeat and to run
/// several times at once: they take turns.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  radiodeck migrate --config config/migrate.toml --starter
  RADIODECK_CLI__DATABASE__NODES='[{ name = \"a\", host = \"10.0.0.5\" }]' radiodeck migrate --config config/migrate.toml

`radiodeck up` does this by itself.")]
pub(crate) struct Args {
    /// Configuration file with a [database] table, such as config/migrate.toml [default: that of a running `radiodeck up`].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder of that `radiodeck up`, if it is not the usual one.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// Import the starter catalogue if there are no stations.
    #[arg(long)]
    starter: bool,
}

/// Runs the subcommand.
pub(crate) fn run(args: Args) -> Result<ExitCode, error::Error> {
    service::init_tracing(service::LogFormat::Human, "warn");
    let config = config::load_or_running(args.config.as_deref(), args.data.as_deref())?;
    let runtime = tokio::runtime::Runtime::new().map_err(error::Error::Runtime)?;
    for line in runtime.block_on(bring_up_to_date(&config.database, args.starter))? {
        eprintln!("radiodeck: {line}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Migrates, and imports the starter catalogue into an empty database if asked to. Gives what was done, a line each.
pub(crate) async fn bring_up_to_date(config: &DatabaseConfig, starter: bool) -> Result<Vec<String>, Error> {
    let report = catalog::migrate::run(config, PRIMARY_DEADLINE).await?;
    let mut lines: Vec<_> = report
        .applied
        .iter()
        .map(|(version, name)| format!("migration {version}: {name}"))
        .collect();
    lines.push(format!("the schema is at version {}", report.to));
    if starter {
        let database = Database::open(config).map_err(Error::Open)?;
        let outcome = import_starter(&database).await;
        database.close().await;
        lines.extend(outcome?);
    }
    Ok(lines)
}

async fn import_starter(database: &Database) -> Result<Option<String>, Error> {
    if count(database).await? > 0 {
        return Ok(None);
    }
    let options = catalog::import::Options::default();
    let report = catalog::import::import(STARTER.as_bytes(), database, &options, |_| {}).await?;
    Ok(Some(format!("starter catalogue: {}", import::summary(&report))))
}

/// Stations in the catalogue. A replica may need a moment until it has the tables.
async fn count(database: &Database) -> Result<i64, Error> {
    let end = Instant::now() + COUNT_DEADLINE;
    loop {
        match database.read(Freshness::Bounded).count(&StationQuery::default()).await {
            Ok(count) => return Ok(count),
            Err(error) if Instant::now() > end => return Err(Error::Count(error)),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_catalogue_is_a_station_a_line() {
        assert!(STARTER.lines().count() >= 100);
        for line in STARTER.lines() {
            let station: serde_json::Value = serde_json::from_str(line).expect("json");
            assert!(station["stationuuid"].is_string(), "{line}");
        }
    }
}
