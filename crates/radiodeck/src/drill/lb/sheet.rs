//! What the drill shows: a table of GETs and one of POSTs, and the bounds below.

use std::path::Path;

use http::Method;

use super::cases::{SAVED_UP, WARM_UP};
use super::loads::{PER_SECOND, Pace};
use super::row::{HEADS, Row};
use super::servers::SERVERS;
use crate::measure::report::Report;
use crate::measure::{Error, document, grid, table};

const WRITTEN_BY: &str = "radiodeck drill lb";

/// All rows.
pub(in crate::drill) struct Sheet {
    pub(super) pace: Pace,
    pub(super) rows: Vec<Row>,
}

impl Sheet {
    fn cells(&self, method: &Method) -> Vec<[String; HEADS.len()]> {
        let rows = self.rows.iter().filter(|row| row.method == *method);
        rows.map(Row::cells).collect()
    }

    /// How it was measured.
    fn how(&self) -> String {
        format!(
            "{PER_SECOND} requests a second to {SERVERS} servers, each sent when it is due whatever became of those \
             before it. The fault begins after {} s, or {} s where the budget of retries matters, and the load goes on \
             for {} s; clients wait {} s at most.",
            WARM_UP.as_secs(),
            SAVED_UP.as_secs(),
            self.pace.faulty.as_secs(),
            self.pace.deadline.as_secs()
        )
    }

    /// The tables for the terminal.
    pub(in crate::drill) fn terminal(&self) -> String {
        let table = |method: Method| {
            let table = grid::terminal(&HEADS, &self.cells(&method));
            format!("{method}\n{table}\n")
        };
        format!("{}\n\n{}{}", self.how(), table(Method::GET), table(Method::POST))
    }

    fn markdown(&self, report: &Report) -> String {
        let table = |method: Method| {
            let table = grid::markdown(&HEADS, &self.cells(&method));
            format!("## What {method}s see\n\n{table}\n")
        };
        let bounds = table::markdown(&report.bounded());
        let (_, bounds) = bounds.split_once("\n\n").unwrap_or_default();
        format!(
            "`cargo run --release -- drill lb --docs docs/failures.md`\n\n{}\n\n{}{}## Bounds\n\n{bounds}",
            self.how(),
            table(Method::GET),
            table(Method::POST),
        )
    }
}

/// Rewrites the generated part of the document.
pub(in crate::drill) fn write_docs(path: &Path, sheet: &Sheet, report: &Report) -> Result<(), Error> {
    let old = document::read(path)?;
    let title = "When servers fail";
    document::write(
        path,
        &document::replace(&old, title, WRITTEN_BY, &sheet.markdown(report)),
    )
}
