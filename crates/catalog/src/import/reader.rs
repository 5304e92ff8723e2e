//! From bytes to clean rows: unpacks, splits, parses and cleans. Runs on a
//! thread of its own.

use std::io::{self, BufReader};

use tokio::sync::mpsc::{Receiver, Sender};

use super::pump::{Bytes, Chunk};
use super::report::BadRow;
use super::row::Row;
use super::split::{Piece, Splitter};
use super::unpack;

const BUFFER_BYTES: usize = 64 << 10;
/// Bad rows named in a batch; more are only counted.
const BAD_ROWS_NAMED: usize = 100;
/// So many bad rows make a batch too, so that progress is seen where all are bad.
const BAD_ROWS_PER_BATCH: u64 = 10_000;

/// So many bytes of rows make a batch, however few rows they are.
const BATCH_BYTES: usize = 4 << 20;

/// What goes to the database at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    pub(super) bad: u64,
    pub(super) bad_rows: Vec<BadRow>,
}

/// Reads everything. Gives why the source ended before its end, if it did.
pub(super) fn read(chunks: Receiver<Chunk>, batch_rows: usize, batches: &Sender<Batch>) -> Option<String> {
    let source = match unpack::unpacked(Bytes::new(chunks)) {
        Ok(source) => source,
        Err(error) => return Some(error.to_string()),
    };
    let mut splitter = Splitter::new(BufReader::with_capacity(BUFFER_BYTES, source));
    let (mut batch, mut batch_bytes) = (Batch::default(), 0);
    let ended_early = loop {
        let (line, outcome) = match splitter.next() {
            Ok(Some((line, Piece::Text(text)))) => (line, Row::parse(line, &text)),
            Ok(Some((line, Piece::TooLong))) => (line, Err("longer than 1 MiB".to_owned())),
            Ok(None) => break None,
            Err(error) => break Some(describe(&error, splitter.line())),
        };
        match outcome {
            Ok(row) => {
                batch_bytes += row.bytes();
                batch.rows.push(row);
            }
            Err(reason) => {
                batch.bad += 1;
                if batch.bad_rows.len() < BAD_ROWS_NAMED {
                    batch.bad_rows.push(BadRow { line, reason });
                }
            }
        }
        if batch.rows.len() >= batch_rows || batch_bytes >= BATCH_BYTES || batch.bad >= BAD_ROWS_PER_BATCH {
            batch_bytes = 0;
            // Nobody wants more: the import was given up.
            if batches.blocking_send(std::mem::take(&mut batch)).is_err() {
                return None;
            }
        }
    };
    if !batch.rows.is_empty() || batch.bad > 0 {
        let _ = batches.blocking_send(batch);
    }
    ended_early
}

fn describe(error: &io::Error, line: u64) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("cut short on line {line}: {error}"),
        _ => format!("unreadable from line {line} on: {error}"),
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
