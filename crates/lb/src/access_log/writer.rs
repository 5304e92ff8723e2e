//! The thread that writes the access log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::Weak;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender};

use tracing::warn;

use super::{AccessLog, Batch};

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    Lines(Batch),
    /// Where to write from now on.
    Output(Output),
    /// Everything before this has been written.
    Flush(SyncSender<()>),
}

/// Where lines go.
#[derive(Debug)]
pub(super) enum Output {
    Standard,
    File(File),
}

/// The file with this name, or standard output for none.
pub(super) fn open(file: &str) -> io::Result<Output> {
    match file {
        "" => Ok(Output::Standard),
        path => OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map(Output::File),
    }
}

impl Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Standard => {
                let mut standard = io::stdout().lock();
                standard.write_all(bytes).and_then(|()| standard.flush())
            }
            Self::File(file) => file.write_all(bytes),
        }
    }
}

/// Starts the thread. It ends with the log.
pub(super) fn start(log: Weak<AccessLog>, messages: Receiver<Message>) -> io::Result<()> {
    std::thread::Builder::new()
        .name("lb-access-log".into())
        .spawn(move || write(&log, &messages))
        .map(drop)
}

fn write(log: &Weak<AccessLog>, messages: &Receiver<Message>) {
    let mut output = Output::Standard;
    let mut failing = false;
    while let Ok(message) = messages.recv() {
        let batch = match message {
            Message::Lines(batch) => batch,
            Message::Output(new) => {
                output = new;
                continue;
            }
            Message::Flush(done) => {
                // Who does not wait any more does not mind.
                let _heard = done.try_send(());
                continue;
            }
        };
        let result = output.write(&batch.bytes);
        let Some(log) = log.upgrade() else { return };
        log.waiting.fetch_sub(batch.lines, Relaxed);
        if let Err(error) = &result {
            log.drop_lines(batch.lines);
            if !failing {
                warn!(%error, "the access log cannot be written: lines are dropped");
            }
        }
        failing = result.is_err();
    }
}
