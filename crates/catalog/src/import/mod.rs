//! Stations from files: NDJSON or a JSON array, gzip or zstd or plain, as Radio Browser has them.
//!
//! Bytes come in here, a thread of its own unpacks, splits and cleans them (`reader`), and batches go to the
//! primary (`upsert`), each a transaction. Every step is bounded, so memory does not grow with the file. Bad rows
//! are counted and named, never fatal; an input that ends too early gives what it held up to there.
//! Dropping the future stops the import between two batches.
//!
//! What an import may overwrite: all that the source says of a station, except that times are not forgotten and
//! counts are kept in two parts, the source's and ours. An import sets the source's clicks, raises
//! the source's votes and never touches ours.

mod clean;
mod fields;
mod pump;
mod reader;
mod report;
mod row;
mod split;
mod unpack;
mod upsert;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::Row as _;
use thiserror::Error;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::Database;
use crate::failure::blames_values;
use crate::pool::Statement;
use row::Row;

pub use report::{BadRow, Options, Progress, Report};

/// How long a batch waits for a primary that is away.
const PRIMARY_DEADLINE: Duration = Duration::from_secs(30);
/// Attempts at one batch; each is the same rows again, which changes nothing twice.
const ATTEMPTS: u32 = 5;

/// Why an import ended before its source did.
#[derive(Debug, Error)]
#[error("{source}; {} stations had been imported by then", .report.imported())]
pub struct Error {
    /// What the database said.
    pub source: crate::Error,
    /// What was done up to there.
    pub report: Box<Report>,
}

/// Imports every station of `source`. `progress` is called after each batch.
///
/// # Errors
/// Only when the database fails for longer than half a minute; all that is wrong with the source is in the [`Report`].
pub async fn import(
    source: impl AsyncRead + Unpin + Send,
    database: &Database,
    options: &Options,
    mut progress: impl FnMut(&Progress) + Send,
) -> Result<Report, Error> {
    let began = Instant::now();
    let mut report = Report::default();
    let (chunks, bytes) = mpsc::channel(4);
    let (batches, results) = mpsc::channel(2);
    let batch_rows = options.batch_rows.clamp(1, 10_000);
    let reading = tokio::task::spawn_blocking(move || reader::read(bytes, batch_rows, &batches));
    let counted = AtomicU64::new(0);
    let consume = async {
        // Owned, so that the reader notices when this ends early; the pump then ends by itself.
        let mut results = results;
        while let Some(batch) = results.recv().await {
            report.add_reading(&batch, options.bad_rows_kept);
            write(database, batch.rows, &mut report, options.bad_rows_kept).await?;
            progress(&report.progress(counted.load(Ordering::Relaxed)));
        }
        Ok(())
    };
    let (outcome, ()) = tokio::join!(consume, pump::pump(source, chunks, &counted));
    let ended_early = reading
        .await
        .unwrap_or_else(|error| Some(format!("the reader failed: {error}")));
    report.ended_early = ended_early;
    let outcome = match outcome {
        Ok(()) => finish(database, report.imported() > 0).await,
        outcome => outcome,
    };
    report.bytes_read = counted.load(Ordering::Relaxed);
    report.took = began.elapsed();
    progress(&report.progress(report.bytes_read));
    match outcome {
        Ok(()) => Ok(report),
        Err(source) => Err(Error {
            source,
            report: Box::new(report),
        }),
    }
}

/// Writes a batch. What the database refuses for its values is found by halving: a row that passed the cleaning and is
/// bad all the same must not take a thousand good ones with it.
async fn write(database: &Database, rows: Vec<Row>, report: &mut Report, kept: usize) -> Result<(), crate::Error> {
    let (rows, repeated) = upsert::without_repeats(rows);
    report.repeated += repeated;
    let mut parts = vec![rows.as_slice()];
    while let Some(part) = parts.pop().filter(|part| !part.is_empty()) {
        match insist(database, &upsert::batch(part)?).await {
            Ok(answer) => {
                let written = upsert::written(&answer, part.len()).map_err(crate::Error::Database)?;
                report.add_written(written);
            }
            Err(error) if blames_values(&error) => match part {
                [row] => {
                    let (line, reason) = (row.line, format!("refused by the database: {error}"));
                    report.add_refused(BadRow { line, reason }, kept);
                }
                part => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            },
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Runs a statement that may be repeated until it is done.
async fn insist(database: &Database, statement: &Statement) -> Result<Vec<sqlx::postgres::PgRow>, crate::Error> {
    let mut attempt = 1;
    loop {
        let _ = timeout(PRIMARY_DEADLINE, database.writable()).await;
        match database.bulk(statement).await {
            Err(error) if error.fault() == crate::Fault::Unavailable && attempt < ATTEMPTS => {
                tracing::debug!(%error, attempt, "batch is tried again");
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
            }
            outcome => return outcome,
        }
    }
}

/// Counts anew what is counted ahead, and lets Postgres look at what has changed. An import that changed nothing does so
/// too where an earlier one was cut off before it came to this.
async fn finish(database: &Database, changed: bool) -> Result<(), crate::Error> {
    let statement = |sql: &str| Statement {
        sql: sql.to_owned(),
        arguments: sqlx::postgres::PgArguments::default(),
    };
    if !changed {
        let stale = insist(database, &statement("select stale from radiodeck.totals")).await?;
        if !stale.first().is_some_and(|row| row.try_get(0).unwrap_or(false)) {
            return Ok(());
        }
    }
    insist(database, &statement("select radiodeck.refresh_summaries()::text")).await?;
    // Index-only scans need it; only the owner may. Without it autovacuum comes within minutes.
    let may = "select pg_has_role(relowner, 'usage') from pg_class where oid = 'radiodeck.stations'::regclass";
    let may = insist(database, &statement(may)).await?;
    if may.first().is_some_and(|row| row.try_get(0).unwrap_or(false)) {
        let vacuum = statement("vacuum (analyze) radiodeck.stations, radiodeck.categories, radiodeck.totals");
        if let Err(error) = database.bulk(&vacuum).await {
            tracing::debug!(%error, "the table was left to autovacuum");
        }
    }
    Ok(())
}
