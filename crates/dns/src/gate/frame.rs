//! The frame of a message: whether its sections, as the header counts them, end where
//! the message ends, and so do the options of its OPT record. hickory leaves what is
//! behind the last record unread, and answers as if there were no options (with a
//! line in the log for each message) when the last of them overruns.

use crate::message::HEADER_BYTES;
use crate::zone::Rtype;

/// Type and class of a question.
const QUESTION_FRAME_BYTES: usize = 4;

/// Whether `message` is filled exactly by what its header counts (RFC 1035 section
/// 4.1), and each OPT by its options (RFC 6891 section 6.1.2). Looks at every byte
/// once at the most: a record that is counted and not there ends it.
pub(super) fn is_whole(message: &[u8], header: &[u8; HEADER_BYTES]) -> bool {
    walk(&message[HEADER_BYTES..], header) == Some(())
}

fn walk(mut rest: &[u8], header: &[u8; HEADER_BYTES]) -> Option<()> {
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    for _ in 0..count(4) {
        rest = after_name(rest)?.get(QUESTION_FRAME_BYTES..)?;
    }
    let mut signed = false;
    for section in [6, 8, 10] {
        for _ in 0..count(section) {
            let (rtype, behind) = record(rest)?;
            // RFC 8945 section 5.1: a signature is the last record, and there is one.
            if signed {
                return None;
            }
            signed = rtype == Rtype::TSIG;
            rest = behind;
        }
    }
    rest.is_empty().then_some(())
}

/// The type of the first record and what is behind it.
fn record(rest: &[u8]) -> Option<(Rtype, &[u8])> {
    // Type, class, TTL, length of the data.
    let (frame, rest) = after_name(rest)?.split_first_chunk::<10>()?;
    let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([frame[8], frame[9]])))?;
    let rtype = Rtype(u16::from_be_bytes([frame[0], frame[1]]));
    if rtype == Rtype::OPT {
        options(data)?;
    }
    Some((rtype, rest))
}

fn options(mut data: &[u8]) -> Option<()> {
    while !data.is_empty() {
        let (frame, rest) = data.split_first_chunk::<4>()?;
        data = rest.get(usize::from(u16::from_be_bytes([frame[2], frame[3]]))..)?;
    }
    Some(())
}

/// A pointer ends a name; where it points is for the parser.
fn after_name(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, behind) = rest.split_first()?;
        match *length {
            0 => return Some(behind),
            0xc0.. => return behind.get(1..),
            1..=63 => rest = behind.get(usize::from(*length)..)?,
            // RFC 6891 section 5: no other kind of label is in use.
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPT: &[u8] = &[0, 0, 41, 16, 0, 0, 0, 0, 0];

    /// Whether a query with these options in its OPT is whole.
    fn with_options(options: &[u8]) -> bool {
        let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        message.extend_from_slice(b"\x01a\x00\x00\x01\x00\x01");
        message.extend_from_slice(OPT);
        message.extend((options.len() as u16).to_be_bytes());
        message.extend_from_slice(options);
        let header = *message.first_chunk().expect("a header");
        is_whole(&message, &header)
    }

    #[test]
    fn rfc6891_6_1_2_options_fill_their_record() {
        for good in [&b""[..], b"\0\x0a\0\0", b"\0\x0a\0\x02ab", b"\0\x0a\0\0\0\x03\0\x01x"] {
            assert!(with_options(good), "{good:?}");
        }
        for bad in [&b"\0"[..], b"\0\x0a", b"\0\x0a\0", b"\0\x0a\0\x01", b"\0\x0a\0\x02abc"] {
            assert!(!with_options(bad), "{bad:?}");
        }
    }

    #[test]
    fn rfc1035_4_1_4_a_pointer_ends_a_name() {
        assert_eq!(after_name(b"\xc0\x0cx"), Some(&b"x"[..]));
        assert_eq!(after_name(b"\x01a\xc0\x0cx"), Some(&b"x"[..]));
        assert_eq!(after_name(b"\x01a\0x"), Some(&b"x"[..]));
        for bad in [&b""[..], b"\xc0", b"\x05abc", b"\x41\0", b"\x01a"] {
            assert_eq!(after_name(bad), None, "{bad:?}");
        }
    }
}
