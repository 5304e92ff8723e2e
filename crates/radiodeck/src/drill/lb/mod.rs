//! `drill lb`: our balancer in front of servers that are killed or fail, and what
//! its clients see of it. Nothing else of the stack runs: whatever a client sees,
//! the balancer has let through or made.

mod balancer;
mod cases;
mod fault;
mod faulty;
mod loads;
mod origin;
mod request;
mod rolling;
mod row;
mod servers;
mod sheet;
mod tally;

use std::time::Duration;

use http::Method;

use self::balancer::Ground;
use self::cases::CASES;
use self::loads::Pace;
pub(crate) use self::origin::{NAME as ORIGIN, OriginArgs, run as origin};
use self::row::Row;
pub(super) use self::sheet::{Sheet, write_docs};
use crate::measure::Error;
use crate::measure::output::Progress;
use crate::measure::report::Report;

/// How long it may take, and what of it is wanted.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Options {
    /// With `lb`: shorter loads, one round of kills and the faults that differ most: about a minute instead of four.
    #[arg(long)]
    pub(super) quick: bool,
    /// With `lb`: only what has this in its name, such as `killed` or `hangs`.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    only: String,
}

impl Options {
    fn pace(&self) -> Pace {
        if self.quick {
            Pace {
                rounds: 1,
                faulty: Duration::from_secs(2),
                deadline: Duration::from_secs(2),
            }
        } else {
            Pace {
                rounds: 3,
                faulty: Duration::from_secs(4),
                deadline: Duration::from_secs(6),
            }
        }
    }
}

/// Runs the drill and adds its figures to `report`.
pub(super) async fn run(options: &Options, report: &mut Report, progress: &Progress) -> Result<Sheet, Error> {
    if cfg!(debug_assertions) {
        report.missing("a release build: this is a debug build, and latencies mean nothing");
    }
    progress.step("starting", 0);
    let ground = Ground::prepare()?;
    let pace = options.pace();
    let mut rows = Vec::new();
    for method in [Method::GET, Method::POST] {
        if "killed".contains(&options.only) {
            note(rolling::run(&ground, &method, pace, progress).await, &mut rows, report)?;
        }
        let wanted = |case: &&cases::Case| {
            case.has(&method) && case.name.contains(&options.only) && (case.quick || !options.quick)
        };
        for case in CASES.iter().filter(wanted) {
            note(
                faulty::run(&ground, case, &method, pace, progress).await,
                &mut rows,
                report,
            )?;
        }
    }
    Ok(Sheet { pace, rows })
}

/// What could not be measured keeps nothing else from being.
fn note(outcome: Result<Row, Error>, rows: &mut Vec<Row>, report: &mut Report) -> Result<(), Error> {
    match outcome {
        Ok(row) => {
            row.record(report);
            rows.push(row);
        }
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => report.unproven(error.to_string()),
    }
    Ok(())
}
