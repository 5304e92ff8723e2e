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

use self::stamp::Stamp;
use self::writer::{Message, open};
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

/// Lines on their way to the writer.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: usize,
}

impl AccessLog {
    /// Starts the thread that writes. Until [`Self::configure`] nothing is.
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

    /// Writes as configured from now on, into a file that is opened anew: the one
    /// written so far may have been moved away. May block for a moment.
    ///
    /// # Errors
    /// The file cannot be opened; nothing has changed then.
    pub(crate) fn configure(&self, config: &AccessLogConfig) -> Result<(), ConfigError> {
        let refused = |message: String| ConfigError::value("access_log.file", message);
        if config.format != AccessLogFormat::Off {
            let output =
                open(&config.file).map_err(|error| refused(format!("cannot open `{}`: {error}", config.file)))?;
            self.writer
                .try_send(Message::Output(output))
                .map_err(|_| refused("too much waits to be written to the file before it".into()))?;
        }
        self.bound.store(config.buffer_lines, Relaxed);
        self.format.store(config.format as u8, Relaxed);
        Ok(())
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
