//! A client of HTTP/2 that sends exactly the frames it is given.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame as it arrived.
#[derive(Debug, Clone)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM or GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("four bytes"))
    }

    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

/// A frame's bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Header fields as literals that no table learns (RFC 7541 6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let text = |text: &str, bytes: &mut Vec<u8>| {
        assert!(text.len() < 127, "too long for this encoder: {text}");
        bytes.push(text.len() as u8);
        bytes.extend(text.as_bytes());
    };
    for (name, value) in fields {
        bytes.push(0);
        text(name, &mut bytes);
        text(value, &mut bytes);
    }
    bytes
}

/// A plain GET.
pub fn get(path: &str) -> Vec<u8> {
    block(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", path),
    ])
}

/// A connection to the balancer.
pub struct Raw {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Raw {
    /// Connects and says what every client says first.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::with_settings(address, &[]).await
    }

    /// Connects and says nothing.
    pub async fn silent(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connected");
        stream.set_nodelay(true).expect("an option");
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub async fn with_settings(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self::silent(address).await;
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend(name.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        raw.bytes(&[PREFACE, &frame(SETTINGS, 0, 0, &payload)].concat()).await;
        raw
    }

    /// Sends bytes; answers false once the other side takes no more.
    pub async fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    pub async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.bytes(&frame(kind, flags, stream, payload)).await
    }

    /// A request without a body.
    pub async fn request(&mut self, stream: u32, block: &[u8]) -> bool {
        self.send(HEADERS, END_STREAM | END_HEADERS, stream, block).await
    }

    /// The next frame; `None` if the connection ends before.
    pub async fn read(&mut self) -> Option<Frame> {
        timeout(PATIENCE, self.read_frame()).await.expect("a frame in time")
    }

    async fn read_frame(&mut self) -> Option<Frame> {
        self.fill(9).await?;
        let word = |bytes: &[u8]| bytes.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        let length = word(&self.buffer[..3]) as usize;
        self.fill(9 + length).await?;
        let frame = Frame {
            kind: self.buffer[3],
            flags: self.buffer[4],
            stream: word(&self.buffer[5..9]) & 0x7fff_ffff,
            payload: self.buffer[9..9 + length].to_vec(),
        };
        self.buffer.drain(..9 + length);
        Some(frame)
    }

    async fn fill(&mut self, bytes: usize) -> Option<()> {
        while self.buffer.len() < bytes {
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
        Some(())
    }

    /// Reads on until a frame is what is looked for.
    pub async fn until(&mut self, what: impl Fn(&Frame) -> bool) -> Frame {
        let mut passed = Vec::new();
        loop {
            match self.read().await {
                Some(frame) if what(&frame) => return frame,
                Some(frame) => passed.push(frame),
                None => panic!("the connection ended; so far: {passed:?}"),
            }
        }
    }

    /// Reads to the end of the connection and answers the code of its GOAWAY.
    pub async fn last_word(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.read().await {
            if frame.kind == GOAWAY {
                code = Some(frame.code());
            }
        }
        code
    }
}
