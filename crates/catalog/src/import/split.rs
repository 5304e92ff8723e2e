//! Cuts a stream into JSON texts: lines, or the elements of an array. No text is held
//! that is longer than the bound; one that is, is skipped to its end.

use std::io::{self, BufRead, Read};

/// Longest row.
const MAX_BYTES: usize = 1 << 20;

/// One row's text, or that it was too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Unknown,
    Lines,
    Array,
}

pub(super) struct Splitter<R> {
    source: R,
    form: Form,
    line: u64,
}

impl<R: BufRead> Splitter<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            form: Form::Unknown,
            line: 1,
        }
    }

    /// The line that comes next.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next row and the line on which it begins.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Piece)>> {
        loop {
            match self.form {
                Form::Unknown => self.find_form()?,
                Form::Lines => return self.next_line(),
                Form::Array => match self.next_element()? {
                    Some(element) => return Ok(Some(element)),
                    // What follows an array may be another one, or lines: nothing is dropped silently.
                    None => self.form = Form::Unknown,
                },
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.source.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn skip(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\n');
        self.source.consume(1);
    }

    /// An array begins with a bracket; a byte order mark and white space may come before it.
    fn find_form(&mut self) -> io::Result<()> {
        while let Some(byte) = self.peek()? {
            match byte {
                0xef | 0xbb | 0xbf | b' ' | b'\t' | b'\r' | b'\n' => self.skip(byte),
                b'[' => {
                    self.skip(byte);
                    self.form = Form::Array;
                    return Ok(());
                }
                _ => break,
            }
        }
        self.form = Form::Lines;
        Ok(())
    }

    fn next_line(&mut self) -> io::Result<Option<(u64, Piece)>> {
        loop {
            let (line, mut text) = (self.line, Vec::new());
            let read = self
                .source
                .by_ref()
                .take(MAX_BYTES as u64 + 1)
                .read_until(b'\n', &mut text)?;
            if read == 0 {
                return Ok(None);
            }
            let ended = text.last() == Some(&b'\n');
            if !ended && text.len() > MAX_BYTES {
                self.skip_line()?;
                return Ok(Some((line, Piece::TooLong)));
            }
            self.line += u64::from(ended);
            if !text.trim_ascii().is_empty() {
                return Ok(Some((line, Piece::Text(text))));
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let mut scrap = Vec::new();
            let read = self
                .source
                .by_ref()
                .take(MAX_BYTES as u64)
                .read_until(b'\n', &mut scrap)?;
            if read == 0 || scrap.last() == Some(&b'\n') {
                self.line += u64::from(read > 0);
                return Ok(());
            }
        }
    }

    /// `None` past the end of the array.
    fn next_element(&mut self) -> io::Result<Option<(u64, Piece)>> {
        // To the next element; a comma too few or too many is forgiven.
        while let Some(byte) = self.peek()? {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => self.skip(byte),
                b']' => {
                    self.skip(byte);
                    return Ok(None);
                }
                _ => return self.element().map(Some),
            }
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the array is not closed"))
    }

    fn element(&mut self) -> io::Result<(u64, Piece)> {
        let (line, mut scan, mut text, mut too_long) = (self.line, Scan::default(), Vec::new(), false);
        loop {
            let buffer = self.source.fill_buf()?;
            if buffer.is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the array is not closed"));
            }
            let end = buffer.iter().position(|byte| scan.ends_before(*byte));
            let part = &buffer[..end.unwrap_or(buffer.len())];
            too_long |= text.len() + part.len() > MAX_BYTES;
            if too_long {
                text = Vec::new();
            } else {
                text.extend_from_slice(part);
            }
            self.line += part.iter().filter(|byte| **byte == b'\n').count() as u64;
            let used = part.len();
            self.source.consume(used);
            if end.is_some() {
                let piece = if too_long { Piece::TooLong } else { Piece::Text(text) };
                return Ok((line, piece));
            }
        }
    }
}

/// Where in a JSON text we are, as far as its end depends on it.
#[derive(Default)]
struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// A nested value was closed: the element is complete.
    closed: bool,
}

impl Scan {
    /// Takes the next byte. True if the element ended before it.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.closed {
            return true;
        }
        if self.in_string {
            match (self.escaped, byte) {
                (true, _) => self.escaped = false,
                (false, b'\\') => self.escaped = true,
                (false, b'"') => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                self.closed = self.depth == 0;
            }
            b',' | b']' if self.depth == 0 => return true,
            _ => {}
        }
        false
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
