//! What an import tells while it runs and at its end.

use std::time::Duration;

use super::reader::Batch;

/// How an import runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Stations in a transaction, 1 to 10,000.
    pub batch_rows: usize,
    /// How many bad rows are named; all are counted.
    pub bad_rows_kept: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch_rows: 1_000,
            bad_rows_kept: 100,
        }
    }
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Line on which it begins, counted from 1, after unpacking.
    pub line: u64,
    /// What is wrong with it; names the field where one is to blame.
    pub reason: String,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes taken from the source, packed if it is packed.
    pub bytes_read: u64,
    /// Rows seen, good and bad.
    pub rows: u64,
    /// Bad ones among them.
    pub bad: u64,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows seen, good and bad.
    pub rows: u64,
    /// Stations that were not there before.
    pub inserted: u64,
    /// Stations that were there and differed.
    pub updated: u64,
    /// Stations that were there just so.
    pub unchanged: u64,
    /// Rows left out because a later row of the same batch had the same `stationuuid`.
    pub repeated: u64,
    /// Rows in which something was cleaned; what it was is kept in the column `original`.
    pub cleaned: u64,
    /// Rows left out because they were bad.
    pub bad: u64,
    /// The first of them.
    pub bad_rows: Vec<BadRow>,
    /// Why the source ended before its end, such as a gzip file cut short. What came before is imported.
    pub ended_early: Option<String>,
    /// Bytes taken from the source.
    pub bytes_read: u64,
    /// How long it took.
    pub took: Duration,
}

/// What one batch changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Written {
    pub(super) inserted: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
}

impl Report {
    /// Stations that are now as the source has them and were not before.
    #[must_use]
    pub fn imported(&self) -> u64 {
        self.inserted + self.updated
    }

    pub(super) fn add_reading(&mut self, batch: &Batch, bad_rows_kept: usize) {
        self.rows += batch.rows.len() as u64 + batch.bad;
        self.bad += batch.bad;
        self.cleaned += batch.rows.iter().filter(|row| row.original.is_some()).count() as u64;
        let room = bad_rows_kept.saturating_sub(self.bad_rows.len());
        self.bad_rows.extend(batch.bad_rows.iter().take(room).cloned());
    }

    pub(super) fn add_written(&mut self, written: Written) {
        self.inserted += written.inserted;
        self.updated += written.updated;
        self.unchanged += written.unchanged;
    }

    pub(super) fn add_refused(&mut self, row: BadRow, bad_rows_kept: usize) {
        self.bad += 1;
        if self.bad_rows.len() < bad_rows_kept {
            self.bad_rows.push(row);
        }
    }

    pub(super) fn progress(&self, bytes_read: u64) -> Progress {
        Progress {
            bytes_read,
            rows: self.rows,
            bad: self.bad,
        }
    }
}
