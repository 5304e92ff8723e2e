//! Brings bytes from an asynchronous source to the reading thread.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::timeout;

const CHUNK_BYTES: usize = 64 << 10;
/// A source that brings nothing for this long has ended.
const STALL_DEADLINE: Duration = Duration::from_secs(30);

pub(super) type Chunk = io::Result<Vec<u8>>;

/// Reads `source` to its end, or until nobody takes the chunks.
pub(super) async fn pump(mut source: impl AsyncRead + Unpin, chunks: Sender<Chunk>, count: &AtomicU64) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let chunk = match timeout(STALL_DEADLINE, source.read_buf(&mut chunk)).await {
            Ok(Ok(0)) => return,
            Ok(Ok(bytes)) => {
                count.fetch_add(bytes as u64, Ordering::Relaxed);
                Ok(chunk)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the source brought nothing for {} s", STALL_DEADLINE.as_secs()),
            )),
        };
        let last = chunk.is_err();
        if chunks.send(chunk).await.is_err() || last {
            return;
        }
    }
}

/// The other end of the channel, for a thread that may block.
pub(super) struct Bytes {
    chunks: Receiver<Chunk>,
    rest: VecDeque<u8>,
}

impl Bytes {
    pub(super) fn new(chunks: Receiver<Chunk>) -> Self {
        let rest = VecDeque::new();
        Self { chunks, rest }
    }
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            match self.chunks.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => self.rest = chunk?.into(),
            }
        }
        self.rest.read(buffer)
    }
}
