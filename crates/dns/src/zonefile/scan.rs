//! The lexical layer of a zone file (RFC 1035 section 5.1): bytes to entries of
//! tokens. Parentheses, comments, quotes and line ends are dealt with here and
//! nowhere else. Tokens stay as written: only who reads one knows whether `\.`
//! is a dot within a label or a byte of a string.

/// A word of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// As written, escapes and all, but without the quotes of a quoted one.
    pub(super) raw: &'t [u8],
    /// Whether it was in quotes, which makes `@` and `\#` plain text.
    pub(super) quoted: bool,
}

/// One logical line: a record or a directive.
#[derive(Debug)]
pub(super) struct Entry<'t> {
    /// Of its first token, counted from 1.
    pub(super) line: u32,
    /// Whether the line began with white space: the owner is the last one's.
    pub(super) indented: bool,
    /// At least one.
    pub(super) tokens: Vec<Token<'t>>,
}

/// Why no entry could be read, and in which line.
pub(super) type ScanError = (u32, &'static str);

/// Cuts a text into entries.
#[derive(Debug)]
pub(super) struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        // An editor may have left a byte order mark.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        Self { text, at: 0, line: 1 }
    }

    /// The next entry; `None` at the end of the text.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry<'t>>, ScanError> {
        let mut entry: Option<Entry<'t>> = None;
        let mut open: Option<u32> = None; // the line of the parenthesis that is open
        let mut indented = false;
        let mut line_start = true;
        while let Some(byte) = self.text.get(self.at).copied() {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    if open.is_none() {
                        if entry.is_some() {
                            return Ok(entry);
                        }
                        line_start = true;
                        indented = false;
                    }
                }
                b' ' | b'\t' | b'\r' => {
                    self.at += 1;
                    indented |= line_start;
                    line_start = false;
                }
                b';' => self.skip_comment(),
                b'(' if open.is_some() => return Err((self.line, "a parenthesis is open already")),
                b'(' => {
                    self.at += 1;
                    open = Some(self.line);
                    line_start = false;
                }
                b')' if open.take().is_none() => return Err((self.line, "\")\" without \"(\"")),
                b')' => self.at += 1,
                _ => {
                    let line = self.line;
                    let token = if byte == b'"' { self.quoted()? } else { self.word()? };
                    line_start = false;
                    entry
                        .get_or_insert_with(|| Entry {
                            line,
                            indented,
                            tokens: Vec::with_capacity(8),
                        })
                        .tokens
                        .push(token);
                }
            }
        }
        match open {
            Some(line) => Err((line, "this parenthesis is never closed")),
            None => Ok(entry),
        }
    }

    fn skip_comment(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }

    /// From behind the opening quote to the closing one.
    fn quoted(&mut self) -> Result<Token<'t>, ScanError> {
        let start = self.at + 1;
        self.at = self.end_of_quoted(start)?;
        Ok(Token {
            raw: &self.text[start..self.at - 1],
            quoted: true,
        })
    }

    /// Position behind the quote that closes what begins at `start`.
    fn end_of_quoted(&self, start: usize) -> Result<usize, ScanError> {
        let mut at = start;
        loop {
            match self.text.get(at) {
                Some(b'"') => return Ok(at + 1),
                Some(b'\\') if !matches!(self.text.get(at + 1), None | Some(b'\n')) => at += 2,
                None | Some(b'\n' | b'\\') => return Err((self.line, "a quoted string is not closed on its line")),
                Some(_) => at += 1,
            }
        }
    }

    /// Up to what ends a word. `key="a b"` is one word (RFC 9460 section 2.1).
    fn word(&mut self) -> Result<Token<'t>, ScanError> {
        let start = self.at;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' => break,
                b'"' if self.text[self.at - 1] == b'=' => self.at = self.end_of_quoted(self.at + 1)?,
                b'"' => break,
                b'\\' => match self.text.get(self.at + 1) {
                    None | Some(b'\n') => return Err((self.line, "a backslash escapes the end of the line")),
                    Some(_) => self.at += 2,
                },
                _ => self.at += 1,
            }
        }
        Ok(Token {
            raw: &self.text[start..self.at],
            quoted: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(u32, bool, Vec<String>)> {
        let mut scanner = Scanner::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(entry) = scanner.next_entry().expect("entries") {
            let words = entry.tokens.iter().map(|t| String::from_utf8_lossy(t.raw).into_owned());
            all.push((entry.line, entry.indented, words.collect()));
        }
        all
    }

    fn error(text: &str) -> ScanError {
        let mut scanner = Scanner::new(text.as_bytes());
        loop {
            match scanner.next_entry() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("accepted: {text:?}"),
                Err(error) => return error,
            }
        }
    }

    #[test]
    fn rfc1035_5_1_parentheses_join_lines_and_comments_end_them() {
        let text = "; head\n\na SOA x y ( 1 ; serial\n  2\n3 ) z ; tail\n  b\r\n";
        let got = entries(text);
        assert_eq!(got.len(), 2, "{got:?}");
        assert_eq!(
            (got[0].0, got[0].1, got[0].2.join(" ")),
            (3, false, "a SOA x y 1 2 3 z".into())
        );
        assert_eq!((got[1].0, got[1].1, got[1].2.join(" ")), (6, true, "b".into()));
    }

    #[test]
    fn rfc1035_5_1_quotes_keep_spaces_and_semicolons() {
        let got = entries("a TXT \"x; y\" \"\" z\\;w \"q\\\"r\"");
        assert_eq!(got[0].2, ["a", "TXT", "x; y", "", "z\\;w", "q\\\"r"]);
    }

    #[test]
    fn rfc9460_2_1_a_quoted_value_belongs_to_its_key() {
        assert_eq!(
            entries("a alpn=\"h2, h3\" port=1")[0].2,
            ["a", "alpn=\"h2, h3\"", "port=1"]
        );
    }

    #[test]
    fn what_is_left_open_is_named_with_the_line_where_it_opened() {
        assert_eq!(error("a\nb (\nc\n").0, 2);
        assert_eq!(error("a )\n"), (1, "\")\" without \"(\""));
        assert_eq!(error("a\nb TXT \"x\nc\"\n").0, 2);
        assert_eq!(error("a \\").0, 1);
        assert_eq!(error("( (").0, 1);
    }
}
