//! A second pair of eyes on what a client sends: follows the framing of
//! requests byte by byte, before hyper does, and refuses what two readers could
//! read in two ways.
//!
//! hyper is strict in most places, but it drops a Content-Length beside a
//! Transfer-Encoding without a word (RFC 9112 6.3 calls for suspicion), cuts a
//! fragment off a target, and answers nothing to a version it does not speak.
//! What is refused here never reaches it.

mod lines;

use memchr::memchr;

pub(crate) use self::lines::is_target;
use crate::problem::Problem;
use crate::request::upgrade;

/// Most empty lines before a request, bytes.
const MAX_LEAD_BYTES: usize = 64;
/// Longest chunk-size line with its extensions, bytes.
const MAX_CHUNK_LINE_BYTES: usize = 4096;
/// Longest trailer section, bytes; hyper allows less than 16 KB.
const MAX_TRAILER_BYTES: usize = 15 * 1024;
/// Most fields of a head, and of a trailer section; hyper has room for as many.
pub(crate) const MAX_FIELDS: usize = 100;
/// hyper keeps the two numbers above it for itself.
const MAX_LENGTH: u64 = u64::MAX - 2;

/// What may be how large.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// A whole head, bytes.
    pub(crate) head_bytes: usize,
    /// A request's target, bytes.
    pub(crate) target_bytes: usize,
}

/// What is wrong and how many of the scanned bytes may still be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The reason.
    pub(crate) problem: Problem,
    /// Bytes before this one belong to requests that are all right.
    pub(crate) keep: usize,
    /// The head was fine and has been passed on; only its body is not.
    pub(crate) in_body: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between requests: empty lines are skipped (RFC 9112 2.2).
    Lead,
    /// The CR of an empty line was here.
    LeadLf,
    RequestLine,
    Header,
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkCr,
    ChunkLf,
    Trailer,
    /// Behind a request to upgrade: what follows is a next request or none at
    /// all, which only the answer tells.
    Undecided,
}

/// Follows one connection.
#[derive(Debug)]
pub(crate) struct Scanner {
    limits: Limits,
    state: State,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    /// Bytes of the head, or of the trailer section, so far.
    section_bytes: usize,
    /// Fields of the head, or of the trailer section, so far.
    fields: usize,
    http_10: bool,
    length: Option<u64>,
    chunked: bool,
    upgrade: upgrade::Offer,
    /// Heads that have ended so far.
    heads: u64,
}

impl Scanner {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Lead,
            carry: Vec::new(),
            section_bytes: 0,
            fields: 0,
            http_10: false,
            length: None,
            chunked: false,
            upgrade: upgrade::Offer::default(),
            heads: 0,
        }
    }

    /// Takes in the next bytes of the connection. Answers how many of them may be
    /// passed on: all that come before a head whose end is still to come, and
    /// none that follow a request to upgrade.
    pub(crate) fn scan(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        let mut at = 0;
        let mut head_began = 0;
        while at < bytes.len() && self.state != State::Undecided {
            let rest = &bytes[at..];
            let in_head = self.state == State::Lead || self.is_in_head();
            let step = match self.state {
                State::Lead => {
                    head_began = at;
                    self.lead(rest[0])
                }
                State::LeadLf => self.lead(rest[0]),
                State::RequestLine | State::Header | State::ChunkSize | State::Trailer => self.line(rest),
                State::Body(left) => {
                    let taken = left.min(rest.len() as u64);
                    let left = left - taken;
                    self.state = State::Body(left);
                    if left == 0 {
                        self.next_message();
                    }
                    Ok(taken as usize)
                }
                State::ChunkData(left) => {
                    let taken = left.min(rest.len() as u64);
                    let left = left - taken;
                    self.state = if left == 0 {
                        State::ChunkCr
                    } else {
                        State::ChunkData(left)
                    };
                    Ok(taken as usize)
                }
                State::ChunkCr if rest[0] == b'\r' => {
                    self.state = State::ChunkLf;
                    Ok(1)
                }
                State::ChunkLf if rest[0] == b'\n' => {
                    self.state = State::ChunkSize;
                    Ok(1)
                }
                State::ChunkCr | State::ChunkLf => Err(Problem::BodyMalformed),
                // Not met in this loop.
                State::Undecided => break,
            };
            match step {
                Ok(taken) => at += taken,
                Err(problem) => {
                    return Err(Refused {
                        problem,
                        keep: if in_head { head_began } else { at },
                        in_body: !in_head,
                    });
                }
            }
        }
        Ok(if self.is_in_head() { head_began } else { at })
    }

    /// The number of the request to upgrade that waits for its answer, if one
    /// does, counted from 1.
    pub(crate) fn undecided(&self) -> Option<u64> {
        (self.state == State::Undecided).then_some(self.heads)
    }

    /// There was no upgrade: what follows is a next request.
    pub(crate) fn go_on(&mut self) {
        self.next_message();
    }

    fn lead(&mut self, byte: u8) -> Result<usize, Problem> {
        match (self.state, byte) {
            (State::Lead, b'\r') => self.state = State::LeadLf,
            (_, b'\n') => self.state = State::Lead,
            (State::LeadLf, _) => return Err(Problem::RequestLineInvalid),
            _ => {
                self.state = State::RequestLine;
                self.section_bytes = 0;
                self.fields = 0;
                self.http_10 = false;
                self.length = None;
                self.chunked = false;
                self.upgrade = upgrade::Offer::default();
                return Ok(0);
            }
        }
        self.section_bytes += 1;
        if self.section_bytes > MAX_LEAD_BYTES {
            return Err(Problem::RequestLineInvalid);
        }
        Ok(1)
    }

    /// Whether a next message would begin now.
    pub(crate) fn is_between(&self) -> bool {
        self.state == State::Lead
    }

    /// Whether the bytes that came last are the beginning of a head whose end
    /// has not come yet.
    pub(crate) fn is_in_head(&self) -> bool {
        matches!(self.state, State::LeadLf | State::RequestLine | State::Header)
    }

    /// What the beginning of a line takes up, bytes.
    pub(crate) fn carried_bytes(&self) -> usize {
        self.carry.capacity()
    }

    /// Takes one line, or what there is of it.
    fn line(&mut self, rest: &[u8]) -> Result<usize, Problem> {
        let Some(end) = memchr(b'\n', rest) else {
            self.carry.extend_from_slice(rest);
            self.bound(self.carry.len())?;
            return Ok(rest.len());
        };
        let taken = end + 1;
        if self.carry.is_empty() {
            self.whole_line(&rest[..taken])?;
        } else {
            let mut line = std::mem::take(&mut self.carry);
            line.extend_from_slice(&rest[..taken]);
            // Lines are seldom cut and connections live long: nothing is kept.
            self.whole_line(&line)?;
        }
        Ok(taken)
    }

    /// Refuses a line, ended or not, that makes its section too long.
    fn bound(&self, line_bytes: usize) -> Result<(), Problem> {
        let section = self.section_bytes + line_bytes;
        match self.state {
            // Method and version beside the target are short.
            State::RequestLine if line_bytes > self.limits.target_bytes + 64 => Err(Problem::TargetTooLong),
            State::RequestLine | State::Header if section > self.limits.head_bytes => Err(Problem::HeadTooLarge),
            State::ChunkSize if line_bytes > MAX_CHUNK_LINE_BYTES => Err(Problem::BodyMalformed),
            State::Trailer if section > MAX_TRAILER_BYTES.min(self.limits.head_bytes) => Err(Problem::BodyMalformed),
            _ => Ok(()),
        }
    }

    fn whole_line(&mut self, line: &[u8]) -> Result<(), Problem> {
        self.bound(line.len())?;
        self.section_bytes += line.len();
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        match self.state {
            State::RequestLine => self.request_line(content),
            State::Header if content.is_empty() => self.end_of_head(),
            State::Header => self.header(content),
            State::ChunkSize => self.chunk_size(line),
            _ => self.trailer(line),
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Problem> {
        self.http_10 = lines::request_line(line, self.limits.target_bytes)?;
        self.state = State::Header;
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Problem> {
        let (name, value) = lines::field(line)?;
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(Problem::HeadTooLarge);
        }
        // Only four names matter.
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = parse_length(value).ok_or(Problem::LengthInvalid)?;
            if self.length.is_some_and(|earlier| earlier != length) {
                return Err(Problem::LengthInvalid);
            }
            self.length = Some(length);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.http_10 || self.chunked {
                return Err(Problem::TransferEncodingInvalid);
            }
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(unknown_coding(value));
            }
            self.chunked = true;
        } else {
            self.upgrade.see(name, value);
        }
        Ok(())
    }

    /// RFC 9112 7.1.2. hyper goes by CR LF alone here, so a line that ends in
    /// any other way would end for one of the two and not for the other.
    fn trailer(&mut self, line: &[u8]) -> Result<(), Problem> {
        let content = line.strip_suffix(b"\r\n").ok_or(Problem::BodyMalformed)?;
        if content.is_empty() {
            self.next_message();
            return Ok(());
        }
        self.fields += 1;
        if self.fields > MAX_FIELDS || lines::field(content).is_err() {
            return Err(Problem::BodyMalformed);
        }
        Ok(())
    }

    fn next_message(&mut self) {
        self.state = State::Lead;
        self.section_bytes = 0;
    }

    fn end_of_head(&mut self) -> Result<(), Problem> {
        self.section_bytes = 0;
        self.heads += 1;
        self.state = match (self.chunked, self.length) {
            (true, Some(_)) => return Err(Problem::LengthAmbiguous),
            (true, None) => State::ChunkSize,
            (false, Some(length)) if length > 0 => State::Body(length),
            // RFC 9110 7.8: HTTP/1.0 has no upgrades. Nobody sends a body with
            // one, and a server may pass over the wish.
            (false, _) if self.upgrade.is_whole() && !self.http_10 => State::Undecided,
            (false, _) => State::Lead,
        };
        Ok(())
    }

    /// RFC 9112 7.1: digits, then nothing or an extension, then CR LF.
    fn chunk_size(&mut self, line: &[u8]) -> Result<(), Problem> {
        let content = line.strip_suffix(b"\r\n").ok_or(Problem::BodyMalformed)?;
        let digits = content.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let after = lines::trim_blanks(&content[digits..]);
        let clean = after.is_empty() || after[0] == b';' && !after.iter().any(|byte| matches!(byte, b'\r' | 0));
        if digits == 0 || digits > 16 || !clean {
            return Err(Problem::BodyMalformed);
        }
        let size = content[..digits]
            .iter()
            .filter_map(|byte| char::from(*byte).to_digit(16))
            .fold(0u64, |size, digit| size << 4 | u64::from(digit));
        self.section_bytes = 0;
        self.fields = 0;
        self.state = if size == 0 {
            State::Trailer
        } else {
            State::ChunkData(size)
        };
        Ok(())
    }
}

fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let length = value.iter().try_fold(0u64, |length, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })?;
    (length <= MAX_LENGTH).then_some(length)
}

/// A list of codings that ends in `chunked` is framed well and still cannot be
/// decoded here; anything else has no end that could be known.
fn unknown_coding(value: &[u8]) -> Problem {
    let mut codings = value.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let last_is_chunked = codings.next().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
    let token = |coding: &[u8]| {
        !coding.is_empty()
            && !coding.eq_ignore_ascii_case(b"chunked")
            && coding
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    if last_is_chunked && codings.all(token) {
        Problem::TransferCodingUnknown
    } else {
        Problem::TransferEncodingInvalid
    }
}

#[cfg(test)]
mod tests;
