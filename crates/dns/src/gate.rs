//! What is decided before a message is parsed, from its header and its frame (where
//! its names and records begin and end): what gets no answer at all, so that we are
//! never a mirror for forged packets, and what gets twelve bytes.

use std::net::SocketAddr;

use crate::message::HEADER_BYTES;

mod frame;

/// A client of ours asks one question. Up to this many are parsed in order to be
/// told, with EDNS, that they are too many; beyond it is nonsense.
const MAX_PARSED_QUESTIONS: u16 = 4;

const FORMERR: u8 = 1;
const NOTIMP: u8 = 4;

/// Why a message gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// Shorter than a header: there is not even an id to answer to.
    Short,
    /// An answer itself (QR=1): two servers would answer each other for ever.
    Response,
    /// From port 0, where nobody listens.
    PortZero,
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Drop(Dropped),
    /// Send this header and no more.
    Reply([u8; HEADER_BYTES]),
    /// Parse it.
    Parse,
}

/// Looks at the header of a message, that the question's name is not compressed
/// (it is the first, so it could point into the header only), and that the sections
/// and the options of EDNS fill the message exactly.
#[must_use]
pub fn look(message: &[u8], client: SocketAddr) -> Verdict {
    if client.port() == 0 {
        return Verdict::Drop(Dropped::PortZero);
    }
    let Some(header) = message.first_chunk::<HEADER_BYTES>() else {
        return Verdict::Drop(Dropped::Short);
    };
    if header[2] & 0x80 != 0 {
        return Verdict::Drop(Dropped::Response);
    }
    // RFC 8906 section 3.1.4: what follows the header of an unknown operation is
    // unknown too.
    if header[2] & 0x78 != 0 {
        return Verdict::Reply(reply(header, NOTIMP));
    }
    let questions = u16::from_be_bytes([header[4], header[5]]);
    if questions > MAX_PARSED_QUESTIONS || (questions > 0 && !plain_name(&message[HEADER_BYTES..])) {
        return Verdict::Reply(reply(header, FORMERR));
    }
    if !frame::is_whole(message, header) {
        return Verdict::Reply(reply(header, FORMERR));
    }
    Verdict::Parse
}

/// The answer to what cannot be parsed. Asks for the header of a message that
/// [`look`] let pass.
#[must_use]
pub fn malformed(message: &[u8]) -> Option<[u8; HEADER_BYTES]> {
    message.first_chunk().map(|header| reply(header, FORMERR))
}

/// Id, operation, RD and CD as they came (RFC 1035 section 4.1.1, RFC 4035
/// section 3.1.6), no section.
fn reply(header: &[u8; HEADER_BYTES], code: u8) -> [u8; HEADER_BYTES] {
    let mut reply = [0; HEADER_BYTES];
    reply[..2].copy_from_slice(&header[..2]);
    reply[2] = 0x80 | (header[2] & 0x79);
    reply[3] = (header[3] & 0x10) | code;
    reply
}

fn plain_name(mut bytes: &[u8]) -> bool {
    loop {
        match bytes.split_first() {
            Some((0, _)) => return true,
            Some((length @ 1..=63, rest)) if rest.len() > usize::from(*length) => bytes = &rest[usize::from(*length)..],
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 5353))
    }

    fn query(flags: [u8; 2], questions: u8, rest: &[u8]) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, flags[0], flags[1], 0, questions, 0, 0, 0, 0, 0, 0];
        message.extend_from_slice(rest);
        message
    }

    const QUESTION: &[u8] = b"\x01a\x00\x00\x01\x00\x01";

    #[test]
    fn an_answer_a_short_message_and_port_zero_get_no_answer() {
        let zero = SocketAddr::from(([192, 0, 2, 1], 0));
        assert_eq!(
            look(&query([1, 0], 1, QUESTION), zero),
            Verdict::Drop(Dropped::PortZero)
        );
        assert_eq!(
            look(&query([0x81, 0], 1, QUESTION), client()),
            Verdict::Drop(Dropped::Response)
        );
        assert_eq!(look(&[0; 11], client()), Verdict::Drop(Dropped::Short));
        assert_eq!(look(&query([1, 0], 1, QUESTION), client()), Verdict::Parse);
    }

    #[test]
    fn rfc8906_3_1_4_other_operations_are_not_implemented() {
        for opcode in 1..16 {
            let verdict = look(&query([opcode << 3 | 1, 0x10], 1, QUESTION), client());
            let expected = [0x12, 0x34, 0x81 | opcode << 3, 0x14, 0, 0, 0, 0, 0, 0, 0, 0];
            assert_eq!(verdict, Verdict::Reply(expected), "opcode {opcode}");
        }
    }

    #[test]
    fn what_does_not_fill_the_message_is_malformed() {
        let expected = Verdict::Reply([0x12, 0x34, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut trailing = query([0, 0], 1, QUESTION);
        trailing.push(0);
        assert_eq!(look(&trailing, client()), expected);
        let mut missing = query([0, 0], 1, QUESTION);
        missing[11] = 1;
        assert_eq!(look(&missing, client()), expected);
    }

    #[test]
    fn a_question_that_is_cut_or_compressed_is_malformed() {
        let expected = Verdict::Reply([0x12, 0x34, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        for rest in [&b""[..], b"\xc0\x00\x00\x01\x00\x01", b"\x05abc", b"\x41", b"\x01a"] {
            assert_eq!(look(&query([0, 0], 1, rest), client()), expected, "{rest:?}");
        }
        assert_eq!(look(&query([0, 0], 200, QUESTION), client()), expected);
    }
}
