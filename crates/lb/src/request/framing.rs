//! A second pair of eyes on what a client sends: follows the framing of
//! requests byte by byte, before hyper does, and refuses what two readers could
//! read in two ways.
//!
//! hyper is strict in most places, but it drops a Content-Length beside a
//! Transfer-Encoding without a word (RFC 9112 6.3 calls for suspicion), cuts a
//! fragment off a target, and answers nothing to a version it does not speak.
//! What is refused here never reaches it.

use memchr::memchr;

use crate::problem::Problem;

/// Longest chunk-size line with its extensions, bytes.
const MAX_CHUNK_LINE_BYTES: usize = 4096;
/// Longest trailer section, bytes.
const MAX_TRAILER_BYTES: usize = 16 * 1024;

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
    RequestLine,
    Header,
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkCr,
    ChunkLf,
    Trailer,
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
    http_10: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Scanner {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Lead,
            carry: Vec::new(),
            section_bytes: 0,
            http_10: false,
            length: None,
            chunked: false,
        }
    }

    /// Takes in the next bytes of the connection.
    pub(crate) fn scan(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut at = 0;
        let mut head_began = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let in_head = matches!(self.state, State::Lead | State::RequestLine | State::Header);
            let step = match self.state {
                State::Lead => {
                    head_began = at;
                    self.lead(rest[0])
                }
                State::RequestLine | State::Header | State::ChunkSize | State::Trailer => self.line(rest),
                State::Body(left) => {
                    let taken = left.min(rest.len() as u64);
                    let left = left - taken;
                    self.state = if left == 0 { State::Lead } else { State::Body(left) };
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
        Ok(())
    }

    fn lead(&mut self, byte: u8) -> Result<usize, Problem> {
        if byte == b'\r' || byte == b'\n' {
            return Ok(1);
        }
        self.state = State::RequestLine;
        self.section_bytes = 0;
        self.http_10 = false;
        self.length = None;
        self.chunked = false;
        Ok(0)
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
            self.whole_line(&line)?;
            line.clear();
            self.carry = line;
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
            State::Trailer if section > MAX_TRAILER_BYTES => Err(Problem::BodyMalformed),
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
            _ => {
                if content.is_empty() {
                    self.state = State::Lead;
                }
                Ok(())
            }
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Problem> {
        self.state = State::Header;
        let mut words = line.split(|byte| *byte == b' ');
        let (_, target, version) = (words.next(), words.next(), words.next());
        // A line of another form is hyper's to refuse.
        if let (Some(target), Some(version)) = (target, version) {
            if target.len() > self.limits.target_bytes {
                return Err(Problem::TargetTooLong);
            }
            if memchr(b'#', target).is_some() {
                return Err(Problem::TargetInvalid);
            }
            match version {
                b"HTTP/1.1" => {}
                b"HTTP/1.0" => self.http_10 = true,
                [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                    if major.is_ascii_digit() && minor.is_ascii_digit() =>
                {
                    return Err(Problem::VersionUnknown);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Problem> {
        // Only two names matter, and few others begin like them.
        match line[0] | 0x20 {
            b'c' => {
                if let Some(value) = value_of(line, b"content-length") {
                    let length = parse_length(value).ok_or(Problem::LengthInvalid)?;
                    if self.length.is_some_and(|earlier| earlier != length) {
                        return Err(Problem::LengthInvalid);
                    }
                    self.length = Some(length);
                }
            }
            b't' => {
                if let Some(value) = value_of(line, b"transfer-encoding") {
                    if self.http_10 || self.chunked {
                        return Err(Problem::TransferEncodingInvalid);
                    }
                    if !value.eq_ignore_ascii_case(b"chunked") {
                        return Err(unknown_coding(value));
                    }
                    self.chunked = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end_of_head(&mut self) -> Result<(), Problem> {
        self.section_bytes = 0;
        self.state = match (self.chunked, self.length) {
            (true, Some(_)) => return Err(Problem::LengthAmbiguous),
            (true, None) => State::ChunkSize,
            (false, Some(length)) if length > 0 => State::Body(length),
            (false, _) => State::Lead,
        };
        Ok(())
    }

    /// RFC 9112 7.1: digits, then nothing or an extension, then CR LF.
    fn chunk_size(&mut self, line: &[u8]) -> Result<(), Problem> {
        let content = line.strip_suffix(b"\r\n").ok_or(Problem::BodyMalformed)?;
        let digits = content.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let after = content[digits..].trim_ascii_start();
        let clean = after.is_empty() || after[0] == b';' && !after.iter().any(|byte| matches!(byte, b'\r' | 0));
        if digits == 0 || digits > 16 || !clean {
            return Err(Problem::BodyMalformed);
        }
        let size = content[..digits]
            .iter()
            .filter_map(|byte| char::from(*byte).to_digit(16))
            .fold(0u64, |size, digit| size << 4 | u64::from(digit));
        self.section_bytes = 0;
        self.state = if size == 0 {
            State::Trailer
        } else {
            State::ChunkData(size)
        };
        Ok(())
    }
}

/// The trimmed value if the line's name is this one.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = line.split_at_checked(name.len())?;
    if !head.eq_ignore_ascii_case(name) {
        return None;
    }
    rest.strip_prefix(b":").map(<[u8]>::trim_ascii)
}

fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |length, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })
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
