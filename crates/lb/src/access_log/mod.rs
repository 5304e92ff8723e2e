//! The access log: one line a request, written when its answer's body has ended.
//!
//! A worker formats a line into a batch of its own and hands the batch over when
//! it is full, or at the next sweep: a line costs no lock, no wake-up and no
//! system call. One thread writes. What it cannot keep up with is dropped and
//! counted; no request ever waits for a disk.

mod entry;
mod format;
mod stamp;
mod writer;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use service::ConfigError;
use tracing::warn;

use self::stamp::Stamp;
use self::writer::{Message, Output, open};
use crate::config::{AccessLogConfig, AccessLogFormat};

pub(crate) use entry::{Ended, Record};

/// A batch is handed over when it has grown to this.
const BATCH_BYTES: usize = 16 * 1024;
/// Batches that may wait, whatever the number of their lines.
const MAX_BATCHES: usize = 4096;

/// The log as all threads see it.
#[derive(Debug)]
pub(crate) struct AccessLog {
    format: AtomicU8,
    /// Lines that may wait, and those that do.
    bound: AtomicUsize,
    waiting: AtomicUsize,
    dropped: AtomicU64,
    writer: SyncSender<Message>,
}

/// A log that is ready to be written.
pub(crate) struct Opened {
    output: Option<Output>,
    format: AccessLogFormat,
    buffer_lines: usize,
}

/// Lines on their way to the writer.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: usize,
}

impl AccessLog {
    /// Starts the thread that writes. Until [`Self::switch`] nothing is.
    ///
    /// # Errors
    /// The system does not give a thread.
    pub(crate) fn start() -> std::io::Result<Arc<Self>> {
        let (writer, messages) = sync_channel(MAX_BATCHES);
        let log = Arc::new(Self {
            format: AtomicU8::new(AccessLogFormat::Off as u8),
            bound: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            writer,
        });
        writer::start(Arc::downgrade(&log), messages)?;
        Ok(log)
    }

    /// Opens what is configured, also if it is open: the file written so far may
    /// have been moved away. May block for a moment.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(config: &AccessLogConfig) -> Result<Opened, ConfigError> {
        let output = match config.format {
            AccessLogFormat::Off => None,
            AccessLogFormat::Combined | AccessLogFormat::Json => Some(open(&config.file).map_err(|error| {
                ConfigError::value("access_log.file", format!("cannot open `{}`: {error}", config.file))
            })?),
        };
        Ok(Opened {
            output,
            format: config.format,
            buffer_lines: config.buffer_lines,
        })
    }

    /// Writes there from now on.
    pub(crate) fn switch(&self, opened: Opened) {
        if let Some(output) = opened.output
            && self.writer.try_send(Message::Output(output)).is_err()
        {
            warn!("too much waits for the access log's file: it is written on, reload again");
        }
        self.bound.store(opened.buffer_lines, Relaxed);
        self.format.store(opened.format as u8, Relaxed);
    }

    /// Lines that were not written, because too many waited or the disk refused.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Waits until everything handed over so far is written, or `patience` is at
    /// its end.
    pub(crate) fn flush(&self, patience: Duration) {
        let (done, written) = sync_channel(1);
        if self.writer.try_send(Message::Flush(done)).is_ok() {
            let _written_or_too_late = written.recv_timeout(patience);
        }
    }

    fn is_on(&self) -> bool {
        self.format.load(Relaxed) != AccessLogFormat::Off as u8
    }

    fn drop_lines(&self, lines: usize) {
        self.dropped.fetch_add(lines as u64, Relaxed);
    }

    /// Takes a batch, or drops it.
    fn take(&self, batch: Batch) {
        let lines = batch.lines;
        if self.waiting.load(Relaxed) + lines > self.bound.load(Relaxed) {
            return self.drop_lines(lines);
        }
        self.waiting.fetch_add(lines, Relaxed);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.writer.try_send(Message::Lines(batch))
        {
            self.waiting.fetch_sub(lines, Relaxed);
            self.drop_lines(lines);
        }
    }
}

/// A worker's side of the log.
pub(crate) struct Lines {
    log: Arc<AccessLog>,
    batch: RefCell<Batch>,
    stamp: RefCell<Stamp>,
}

impl Lines {
    pub(crate) fn new(log: Arc<AccessLog>) -> Self {
        Self {
            log,
            batch: RefCell::default(),
            stamp: RefCell::default(),
        }
    }

    /// Whether requests are to be recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.log.is_on()
    }

    fn write(&self, line: &format::Line<'_>) {
        let mut batch = self.batch.borrow_mut();
        // A few lines more than it had room for are no reason to grow twice.
        if batch.bytes.capacity() == 0 {
            batch.bytes.reserve(BATCH_BYTES + BATCH_BYTES / 4);
        }
        let mut stamp = self.stamp.borrow_mut();
        let now = stamp.now();
        if self.log.format.load(Relaxed) == AccessLogFormat::Json as u8 {
            format::json(&mut batch.bytes, &now, line);
        } else {
            format::combined(&mut batch.bytes, &now, line);
        }
        batch.lines += 1;
        let full = batch.bytes.len() >= BATCH_BYTES || batch.lines >= self.log.bound.load(Relaxed);
        drop(batch);
        if full {
            self.hand_over();
        }
    }

    /// Hands over what there is; called by the sweep.
    pub(crate) fn hand_over(&self) {
        let mut batch = self.batch.borrow_mut();
        if batch.lines > 0 {
            self.log.take(std::mem::take(&mut batch));
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.hand_over();
    }
}
