//! `radiodeck import`: stations from a file, a URL or the public directory.

mod outcome;
mod progress;
mod source;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use catalog::Database;
use catalog::import::{Options, Report};
use thiserror::Error;
use tokio::time::timeout;

pub(crate) use self::outcome::summary;
use self::progress::Progress;
use self::source::Source;
use crate::{config, error, outfile};

/// How long a primary is waited for.
const PRIMARY_DEADLINE: Duration = Duration::from_secs(30);
/// Bad rows shown on the terminal.
const SHOWN: usize = 10;
/// Bad rows kept for --bad-rows, at the most: they wait in memory for the end.
const KEPT: usize = 10_000;

/// Why an import did not take place, or not to its end.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("cannot read {url}: only http and https are spoken here; a file is named by its path alone")]
    Scheme { url: String },
    #[error("cannot read {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("cannot read {url}: {reason}")]
    Url { url: String, reason: String },
    #[error(
        "the public directory cannot be reached ({reason}): without internet, import a file instead, such as a \
         download of https://all.api.radio-browser.info/json/stations"
    )]
    Directory { reason: String },
    #[error("import: database.{0}")]
    Open(String),
    #[error("import: no database primary within {seconds} s: {nodes}")]
    NoPrimary { seconds: u64, nodes: String },
    #[error("import: {0}")]
    Database(#[from] catalog::import::Error),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

/// Import stations.
///
/// SOURCE is a file, `-` for standard input, an http or https URL, or
/// `radio-browser` for the public directory of 50,000 stations. NDJSON or a JSON
/// array in the form of the Radio Browser API, plain or packed by gzip or zstd.
/// Stations that are there are updated, by their stationuuid. Bad rows are left
/// out and named.
///
/// Ends with 0 when the source was read to its end and held stations, bad rows or
/// not. Ends with 1 when it held none, when the database is gone, and when the
/// source was cut short, such as half a gzip file: what came before the cut is
/// imported all the same.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  radiodeck import radio-browser
  radiodeck import stations.ndjson.gz --bad-rows bad.tsv
  curl -s https://example.org/stations.json | radiodeck import - --config config/migrate.toml")]
pub(crate) struct Args {
    /// What to import.
    source: String,
    /// Configuration file with a [database] table, such as config/migrate.toml [default: that of a running `radiodeck up`].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder of that `radiodeck up`, if it is not the usual one.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// Write the line number and reason of bad rows, parted by a tab, a row a line; of the first 10,000.
    #[arg(long, value_name = "FILE")]
    bad_rows: Option<PathBuf>,
    /// Write what was done as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the subcommand.
pub(crate) fn run(args: Args) -> Result<ExitCode, error::Error> {
    service::init_tracing(service::LogFormat::Human, "warn");
    for path in args.bad_rows.iter().chain(&args.json) {
        outfile::check(path).map_err(|source| Error::Write {
            path: path.clone(),
            source,
        })?;
    }
    let config = config::load_or_running(args.config.as_deref(), args.data.as_deref())?;
    let runtime = tokio::runtime::Runtime::new().map_err(error::Error::Runtime)?;
    let report = runtime.block_on(async {
        let database = Database::open(&config.database).map_err(Error::Open)?;
        let outcome = import(&args, &database).await;
        database.close().await;
        outcome
    })?;
    // Whatever still reads a source that has not ended is not waited for.
    runtime.shutdown_background();
    Ok(conclude(&args, &report)?)
}

async fn import(args: &Args, database: &Database) -> Result<Report, Error> {
    // First what can be wrong at once.
    let source = Source::parse(&args.source)?.open()?;
    if timeout(PRIMARY_DEADLINE, database.writable()).await.is_err() {
        return Err(no_primary(database));
    }
    let mut progress = Progress::start(source.bytes);
    let options = Options {
        bad_rows_kept: if args.bad_rows.is_some() { KEPT } else { SHOWN },
        ..Options::default()
    };
    Ok(catalog::import::import(source.stream(), database, &options, |now| progress.at(now)).await?)
}

fn no_primary(database: &Database) -> Error {
    let nodes: Vec<_> = database
        .nodes()
        .into_iter()
        .map(|node| match node.reason {
            Some(reason) => format!("{}: {reason}", node.name),
            None => format!("{} is a {}", node.name, node.role.as_str()),
        })
        .collect();
    Error::NoPrimary {
        seconds: PRIMARY_DEADLINE.as_secs(),
        nodes: nodes.join("; "),
    }
}

fn conclude(args: &Args, report: &Report) -> Result<ExitCode, Error> {
    for line in outcome::lines(report, SHOWN) {
        eprintln!("radiodeck: {line}");
    }
    // One file that cannot be written does not keep the other from being.
    let bad_rows = args.bad_rows.as_deref().map_or(Ok(()), |path| {
        let unnamed = report.bad.saturating_sub(report.bad_rows.len() as u64);
        if unnamed > 0 {
            eprintln!("radiodeck: {} names all bad rows but {unnamed}", path.display());
        }
        write(path, &outcome::bad_rows(report))
    });
    let json = args
        .json
        .as_deref()
        .map_or(Ok(()), |path| write(path, &outcome::json(report)));
    bad_rows.and(json)?;
    Ok(ExitCode::from(u8::from(!outcome::is_success(report))))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}
