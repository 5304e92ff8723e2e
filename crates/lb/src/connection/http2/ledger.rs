//! What passed on one connection, both ways: which requests are open, and
//! whether the client does more of anything than a client has reason to. Every
//! limit here is the answer to an attack that cost other servers their memory
//! or their CPU.

use thiserror::Error;

use super::frames::{
    CANCEL, CONTINUATION, Cursor, DATA, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, Head, INTERNAL_ERROR, NO_ERROR, PING,
    PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
};
use crate::config::FloodConfig;

/// `WINDOW_UPDATE` frames that each `DATA` frame gives reason for.
const UPDATES_PER_DATA: u32 = 10;

/// Why a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Breach {
    #[error("too many RST_STREAM")]
    Resets,
    #[error("too many requests taken back before their answer")]
    AbusiveResets,
    #[error("too many mistakes that reset a stream")]
    EmittedResets,
    #[error("too many PING")]
    Pings,
    #[error("too many SETTINGS")]
    Settings,
    #[error("too many CONTINUATION")]
    Continuations,
    #[error("too many empty DATA")]
    EmptyData,
    #[error("too many PRIORITY or unknown frames")]
    Priorities,
    #[error("too many WINDOW_UPDATE")]
    WindowUpdates,
    #[error("too much memory for heads that do not end")]
    Heads,
    #[error("more than the protocol's library bears")]
    Library,
}

/// A request whose answer has not ended.
#[derive(Debug)]
struct Open {
    stream: u32,
    /// The answer's head is out.
    answered: bool,
}

/// Counts of the window under way.
#[derive(Debug, Default)]
struct Window {
    began_ms: u64,
    resets: u32,
    pings: u32,
    settings: u32,
    empty_data: u32,
    priorities: u32,
    window_updates: u32,
    data_sent: u32,
}

/// One connection's book.
#[derive(Debug)]
pub(super) struct Ledger {
    limits: FloodConfig,
    incoming: Cursor,
    outgoing: Cursor,
    window: Window,
    open: Vec<Open>,
    /// More open requests are not followed: they are refused anyway.
    max_open: usize,
    /// Highest stream of the client so far, and of those that are served.
    last_stream: u32,
    served_to: u32,
    abusive_resets: u32,
    emitted_resets: u32,
    /// A head goes on in CONTINUATION frames.
    in_block: bool,
    continuations: u32,
    /// Payload of the head under way, bytes.
    block_bytes: usize,
    breach: Option<Breach>,
}

/// What was in the bytes just followed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Moved {
    /// A frame other than DATA was completed, or a head.
    pub(super) control: bool,
    /// A piece of an answer.
    pub(super) data: bool,
}

impl Ledger {
    pub(super) fn new(limits: FloodConfig, max_streams: u32) -> Self {
        Self {
            limits,
            incoming: Cursor::behind(PREFACE.len()),
            outgoing: Cursor::behind(0),
            window: Window::default(),
            open: Vec::new(),
            max_open: 2 * max_streams as usize,
            last_stream: 0,
            served_to: u32::MAX,
            abusive_resets: 0,
            emitted_resets: 0,
            in_block: false,
            continuations: 0,
            block_bytes: 0,
            breach: None,
        }
    }

    /// Follows what the client sends.
    pub(super) fn received(&mut self, mut bytes: &[u8], now_ms: u64) -> Moved {
        if now_ms >= self.window.began_ms + self.limits.window_ms {
            self.window = Window {
                began_ms: now_ms,
                ..Window::default()
            };
        }
        let mut moved = Moved::default();
        while let Some(head) = self.incoming.next(&mut bytes) {
            moved.control = true;
            if let Err(breach) = self.receive(&head) {
                self.breach.get_or_insert(breach);
                break;
            }
        }
        // A head that has ended is the library's, whatever came in one read with it.
        if !self.in_block && !self.incoming.is_within_head() {
            self.block_bytes = 0;
        }
        moved
    }

    fn receive(&mut self, head: &Head) -> Result<(), Breach> {
        let limits = self.limits;
        match head.kind {
            DATA if head.length == 0 && !head.ends_stream() => {
                bounded(&mut self.window.empty_data, limits.empty_data, Breach::EmptyData)
            }
            DATA => Ok(()),
            HEADERS => {
                self.in_block = !head.ends_headers();
                self.continuations = 0;
                self.block_bytes = head.length as usize;
                if head.stream > self.last_stream {
                    self.last_stream = head.stream;
                    if self.open.len() < self.max_open && head.stream <= self.served_to {
                        self.open.push(Open {
                            stream: head.stream,
                            answered: false,
                        });
                    }
                }
                Ok(())
            }
            CONTINUATION => {
                self.in_block = !head.ends_headers();
                self.block_bytes += head.length as usize;
                bounded(&mut self.continuations, limits.continuations, Breach::Continuations)
            }
            RST_STREAM => {
                let answered = self.close(head.stream);
                if answered == Some(false) {
                    bounded(&mut self.abusive_resets, limits.abusive_resets, Breach::AbusiveResets)?;
                }
                bounded(&mut self.window.resets, limits.resets, Breach::Resets)
            }
            PING => bounded(&mut self.window.pings, limits.pings, Breach::Pings),
            SETTINGS => bounded(&mut self.window.settings, limits.settings, Breach::Settings),
            WINDOW_UPDATE => {
                let reason = self.window.data_sent.saturating_mul(UPDATES_PER_DATA);
                let limit = limits.window_updates.saturating_add(reason);
                bounded(&mut self.window.window_updates, limit, Breach::WindowUpdates)
            }
            // GOAWAY and PUSH_PROMISE have no business to be many, either.
            _ => bounded(&mut self.window.priorities, limits.priorities, Breach::Priorities),
        }
    }

    /// Follows what is sent to the client.
    pub(super) fn sent(&mut self, mut bytes: &[u8]) -> Moved {
        let mut moved = Moved::default();
        while let Some(head) = self.outgoing.next(&mut bytes) {
            moved.data |= matches!(head.kind, DATA | HEADERS);
            match head.kind {
                DATA => self.window.data_sent += 1,
                HEADERS => {
                    if let Some(open) = self.open.iter_mut().find(|open| open.stream == head.stream) {
                        open.answered = true;
                    }
                }
                RST_STREAM => self.reset_sent(&head),
                GOAWAY => {
                    self.served_to = head.last_stream();
                    self.open.retain(|open| open.stream <= head.last_stream());
                    if head.code() == ENHANCE_YOUR_CALM {
                        self.breach.get_or_insert(Breach::Library);
                    }
                }
                _ => {}
            }
            if head.ends_stream() {
                self.close(head.stream);
            }
        }
        moved
    }

    /// A server that fails, or a client that is too slow, is no attack.
    fn reset_sent(&mut self, head: &Head) {
        self.close(head.stream);
        if !matches!(head.code(), NO_ERROR | INTERNAL_ERROR | CANCEL) {
            let limit = self.limits.emitted_resets;
            if let Err(breach) = bounded(&mut self.emitted_resets, limit, Breach::EmittedResets) {
                self.breach.get_or_insert(breach);
            }
        }
    }

    /// Answers whether the answer had begun, if the stream was open.
    fn close(&mut self, stream: u32) -> Option<bool> {
        let index = self.open.iter().position(|open| open.stream == stream)?;
        Some(self.open.swap_remove(index).answered)
    }

    /// Ends the connection for something that is not counted here.
    pub(super) fn set_breach(&mut self, breach: Breach) {
        self.breach.get_or_insert(breach);
    }

    pub(super) fn breach(&self) -> Option<Breach> {
        self.breach
    }

    /// Whether some answer has not ended.
    pub(super) fn owes(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether a head, or another frame that is not DATA, has begun and does
    /// not end.
    pub(super) fn is_in_head(&self) -> bool {
        self.in_block || self.incoming.is_within_control()
    }

    /// What the head under way may take up, bytes.
    pub(super) fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Bytes to the end of the frame that is being sent; 0 between frames.
    pub(super) fn to_boundary(&self) -> usize {
        self.outgoing.to_boundary()
    }

    /// Highest stream that the client has begun.
    pub(super) fn last_stream(&self) -> u32 {
        self.last_stream.min(self.served_to)
    }
}

fn bounded(count: &mut u32, limit: u32, breach: Breach) -> Result<(), Breach> {
    *count += 1;
    if *count > limit { Err(breach) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
