//! From bytes to clean rows: finds out how the source is packed, unpacks, splits, parses and cleans. Runs on a
//! thread of its own.

use std::io::{self, BufRead, BufReader, Read};

use tokio::sync::mpsc::{Receiver, Sender};

use super::pump::{Bytes, Chunk};
use super::report::BadRow;
use super::row::Row;
use super::split::{Piece, Splitter};

const BUFFER_BYTES: usize = 64 << 10;
/// Bad rows named in a batch; more are only counted.
const BAD_ROWS_NAMED: usize = 100;
/// So many bad rows make a batch too, so that progress is seen where all are bad.
const BAD_ROWS_PER_BATCH: u64 = 10_000;

/// What goes to the database at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    pub(super) bad: u64,
    pub(super) bad_rows: Vec<BadRow>,
}

/// Reads everything. Gives why the source ended before its end, if it did.
pub(super) fn read(chunks: Receiver<Chunk>, batch_rows: usize, batches: &Sender<Batch>) -> Option<String> {
    let source = match unpacked(Bytes::new(chunks)) {
        Ok(source) => source,
        Err(error) => return Some(error.to_string()),
    };
    let mut splitter = Splitter::new(BufReader::with_capacity(BUFFER_BYTES, source));
    let mut batch = Batch::default();
    let ended_early = loop {
        let (line, outcome) = match splitter.next() {
            Ok(Some((line, Piece::Text(text)))) => (line, Row::parse(line, &text)),
            Ok(Some((line, Piece::TooLong))) => (line, Err("longer than 1 MiB".to_owned())),
            Ok(None) => break None,
            Err(error) => break Some(describe(&error, splitter.line())),
        };
        match outcome {
            Ok(row) => batch.rows.push(row),
            Err(reason) => {
                batch.bad += 1;
                if batch.bad_rows.len() < BAD_ROWS_NAMED {
                    batch.bad_rows.push(BadRow { line, reason });
                }
            }
        }
        if batch.rows.len() >= batch_rows || batch.bad >= BAD_ROWS_PER_BATCH {
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

/// Tells packed from plain by the first bytes.
fn unpacked(source: Bytes) -> io::Result<Box<dyn Read>> {
    let mut source = BufReader::with_capacity(BUFFER_BYTES, source);
    let start = source.fill_buf()?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(flate2::bufread::MultiGzDecoder::new(source)));
    }
    if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok(Box::new(zstd::stream::read::Decoder::with_buffer(source)?));
    }
    Ok(Box::new(source))
}

fn describe(error: &io::Error, line: u64) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("cut short on line {line}: {error}"),
        _ => format!("unreadable from line {line} on: {error}"),
    }
}
