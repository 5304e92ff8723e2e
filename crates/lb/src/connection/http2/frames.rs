//! Frames as they pass by: where each begins and what kind it is (RFC 9113
//! 4.1). Their payloads are not looked at, but for the error codes.

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Error codes (RFC 9113 7).
pub(super) const NO_ERROR: u32 = 0;
pub(super) const INTERNAL_ERROR: u32 = 2;
pub(super) const CANCEL: u32 = 8;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// What a client says first (RFC 9113 3.4).
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEAD_BYTES: usize = 9;
/// Stream and error code of a GOAWAY.
const MOST_PAYLOAD_BYTES: usize = 8;

/// A frame's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: u8,
    flags: u8,
    /// Payload, bytes.
    pub(super) length: u32,
    pub(super) stream: u32,
    /// The first two words of the payload of RST_STREAM and GOAWAY.
    words: [u32; 2],
}

impl Head {
    pub(super) fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    pub(super) fn ends_headers(&self) -> bool {
        self.flags & END_HEADERS != 0
    }

    /// The error code, of frames that have one.
    pub(super) fn code(&self) -> u32 {
        if self.kind == GOAWAY {
            self.words[1]
        } else {
            self.words[0]
        }
    }

    /// The last stream that a GOAWAY leaves alive.
    pub(super) fn last_stream(&self) -> u32 {
        self.words[0] & 0x7fff_ffff
    }
}

/// A place in the bytes of one direction.
#[derive(Debug)]
pub(super) struct Cursor {
    /// Bytes of the frame under way that are still to come.
    left: usize,
    /// Its kind.
    kind: u8,
    head: [u8; HEAD_BYTES + MOST_PAYLOAD_BYTES],
    have: usize,
}

impl Cursor {
    /// Begins behind `lead` bytes that are no frame.
    pub(super) fn behind(lead: usize) -> Self {
        Self {
            left: lead,
            kind: SETTINGS,
            head: [0; HEAD_BYTES + MOST_PAYLOAD_BYTES],
            have: 0,
        }
    }

    /// Follows `bytes` to the next frame's beginning, if there is one in them.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Head> {
        let skipped = self.left.min(bytes.len());
        *bytes = &bytes[skipped..];
        self.left -= skipped;
        loop {
            let need = self.need();
            let taken = (need - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            *bytes = &bytes[taken..];
            self.have += taken;
            if self.have < need {
                return None;
            }
            if self.need() == need {
                break;
            }
        }
        let head = self.parse();
        self.kind = head.kind;
        self.left = head.length as usize - (self.have - HEAD_BYTES);
        self.have = 0;
        Some(head)
    }

    /// What is wanted before a frame is told: its head, and the code if any.
    fn need(&self) -> usize {
        if self.have < HEAD_BYTES {
            return HEAD_BYTES;
        }
        let wanted = match self.head[3] {
            RST_STREAM => 4,
            GOAWAY => MOST_PAYLOAD_BYTES,
            _ => 0,
        };
        HEAD_BYTES + wanted.min(self.length() as usize)
    }

    fn length(&self) -> u32 {
        u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]])
    }

    fn parse(&mut self) -> Head {
        // A payload that is too short for its code is read as zeros.
        self.head[self.have..].fill(0);
        let word =
            |at: usize| u32::from_be_bytes([self.head[at], self.head[at + 1], self.head[at + 2], self.head[at + 3]]);
        Head {
            kind: self.head[3],
            flags: self.head[4],
            length: self.length(),
            stream: word(5) & 0x7fff_ffff,
            words: [word(9), word(13)],
        }
    }

    /// Bytes to the end of what is under way, as far as it is known; 0 between
    /// frames.
    pub(super) fn to_boundary(&self) -> usize {
        match self.have {
            0 => self.left,
            have => self.need() - have,
        }
    }

    /// Whether a part of the payload of HEADERS or CONTINUATION is still to come.
    pub(super) fn is_within_head(&self) -> bool {
        self.left > 0 && matches!(self.kind, HEADERS | CONTINUATION)
    }

    /// Whether a frame other than DATA has begun and not ended.
    pub(super) fn is_within_control(&self) -> bool {
        self.have > 0 || self.left > 0 && self.kind != DATA
    }
}

/// The frame that ends a connection.
pub(super) fn go_away(last_stream: u32, code: u32) -> [u8; 17] {
    let mut frame = [0; 17];
    frame[2] = 8;
    frame[3] = GOAWAY;
    frame[9..13].copy_from_slice(&last_stream.to_be_bytes());
    frame[13..].copy_from_slice(&code.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn frames_are_told_alike_however_they_are_cut() {
        let bytes = [
            &PREFACE[..],
            &frame(SETTINGS, 0, 0, &[0; 6]),
            &frame(HEADERS, END_HEADERS | END_STREAM, 1, &[7; 300]),
            &frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes()),
            &go_away(5, ENHANCE_YOUR_CALM),
            &frame(DATA, 0, 3, &[]),
        ]
        .concat();
        for piece in [1, 2, 5, 9, 13, 64, bytes.len()] {
            let mut cursor = Cursor::behind(PREFACE.len());
            let mut heads = Vec::new();
            for mut bytes in bytes.chunks(piece) {
                while let Some(head) = cursor.next(&mut bytes) {
                    heads.push(head);
                }
            }
            let kinds: Vec<_> = heads.iter().map(|head| head.kind).collect();
            assert_eq!(kinds, [SETTINGS, HEADERS, RST_STREAM, GOAWAY, DATA], "{piece}");
            assert!(heads[1].ends_headers() && heads[1].ends_stream() && heads[1].stream == 1);
            assert_eq!(
                (heads[2].code(), heads[3].code(), heads[3].last_stream()),
                (CANCEL, ENHANCE_YOUR_CALM, 5)
            );
            assert_eq!((cursor.to_boundary(), cursor.is_within_control()), (0, false));
        }
    }

    #[test]
    fn a_code_that_is_cut_short_does_not_swallow_what_follows() {
        let bytes = [frame(RST_STREAM, 0, 1, &[1, 2]), frame(PING, 0, 0, &[0; 8])].concat();
        let (mut cursor, mut rest) = (Cursor::behind(0), &bytes[..]);
        assert_eq!(cursor.next(&mut rest).map(|head| head.kind), Some(RST_STREAM));
        assert_eq!(cursor.next(&mut rest).map(|head| head.kind), Some(PING));
    }

    #[test]
    fn the_way_to_the_boundary_is_known_within_a_frame() {
        let bytes = frame(DATA, 0, 1, &[0; 10]);
        let mut cursor = Cursor::behind(0);
        assert!(cursor.next(&mut &bytes[..4]).is_none());
        assert_eq!(cursor.to_boundary(), 5);
        let mut rest = &bytes[4..12];
        while cursor.next(&mut rest).is_some() {}
        assert_eq!(cursor.to_boundary(), 7);
    }
}
