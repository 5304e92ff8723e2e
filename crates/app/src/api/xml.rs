//! Records as XML 1.0 elements whose fields are attributes.

use std::fmt::{self, Write};

use crate::api::record::{Field, Named};

/// What a document begins with.
pub(crate) const OPEN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<result>";
/// What it ends with.
pub(crate) const CLOSE: &str = "</result>\n";

/// Appends `record` as an element; fields that are null are left out.
pub(crate) fn element(out: &mut Vec<u8>, name: &str, record: &[Named<'_>]) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    for (name, field) in record.iter().filter(|(_, field)| *field != Field::Null) {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        write!(Escaped(out), "{field}").expect("writing to memory does not fail");
        out.push(b'"');
    }
    out.extend_from_slice(b"/>");
}

/// Escapes what is written for the inside of a quoted attribute.
struct Escaped<'a>(&'a mut Vec<u8>);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let reference: &str = match c {
                '<' => "&lt;",
                '>' => "&gt;",
                '&' => "&amp;",
                '"' => "&quot;",
                '\'' => "&apos;",
                // As references they survive; as themselves a reader makes them
                // spaces (XML 1.0, 3.3.3).
                '\t' => "&#9;",
                '\n' => "&#10;",
                '\r' => "&#13;",
                c if !is_legal(c) => "",
                c => {
                    let mut buffer = [0; 4];
                    self.0.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                    continue;
                }
            };
            self.0.extend_from_slice(reference.as_bytes());
        }
        Ok(())
    }
}

/// Whether XML 1.0 (2.2) can hold the character at all, even as a reference.
fn is_legal(c: char) -> bool {
    matches!(c, '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use quick_xml::events::Event;
    use quick_xml::reader::Reader;

    use super::*;

    fn name_after_a_round_trip(name: &str) -> String {
        let mut out = OPEN.as_bytes().to_vec();
        element(&mut out, "station", &[("name", Field::Text(name)), ("x", Field::Null)]);
        out.extend_from_slice(CLOSE.as_bytes());
        let text = String::from_utf8(out).expect("UTF-8");
        let mut reader = Reader::from_str(&text);
        reader.config_mut().check_end_names = true;
        let mut found = None;
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Empty(station) => {
                    let attributes: Vec<_> = station.attributes().map(|a| a.expect("well-formed")).collect();
                    assert_eq!(attributes.len(), 1, "{text}");
                    found = Some(
                        quick_xml::escape::unescape(&attributes[0].value)
                            .expect("escaped")
                            .into_owned(),
                    );
                }
                Event::Eof => break,
                _ => {}
            }
        }
        found.expect("a station")
    }

    #[test]
    fn hostile_names_come_back_as_they_were() {
        for name in [
            "a\"b'c<d>e&f&amp;",
            "\"/><script>alert(1)</script>",
            "]]>",
            "tab\there\nand\rthere",
            "😀 עברית \u{202e}ž",
            "",
        ] {
            assert_eq!(name_after_a_round_trip(name), name);
        }
    }

    #[test]
    fn characters_that_xml_cannot_hold_are_dropped() {
        assert_eq!(name_after_a_round_trip("a\u{0}b\u{1b}c\u{fffe}d\u{ffff}e"), "abcde");
    }
}
