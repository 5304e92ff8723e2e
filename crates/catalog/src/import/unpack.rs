//! Finds out how a source is packed, and unpacks it.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;

const BUFFER_BYTES: usize = 64 << 10;
/// Longest mark of a packed form.
const MARK_BYTES: usize = 4;

/// Tells packed from plain by the first bytes.
pub(super) fn unpacked(mut source: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    let mut start = Vec::with_capacity(MARK_BYTES);
    // Sources bring what they have, which may be a single byte: this goes on until there are enough, or the end.
    source.by_ref().take(MARK_BYTES as u64).read_to_end(&mut start)?;
    let (gzip, zstd) = (
        start.starts_with(&[0x1f, 0x8b]),
        start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]),
    );
    let source = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(start).chain(source));
    if gzip {
        return Ok(Box::new(Gzip::new(source)));
    }
    if zstd {
        return Ok(Box::new(zstd::stream::read::Decoder::with_buffer(source)?));
    }
    Ok(Box::new(source))
}

/// Members of a gzip file, one after the other (RFC 1952, section 2.2). Zeros after a member are padding, as tapes and
/// archives leave it; anything else that is no member is an error.
struct Gzip<R> {
    /// `None` at the end.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    fn new(source: R) -> Self {
        Self {
            member: Some(GzDecoder::new(source)),
        }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.member.take() {
            let bytes = member.read(buffer)?;
            if bytes > 0 {
                self.member = Some(member);
                return Ok(bytes);
            }
            let mut source = member.into_inner();
            if !skip_zeros(&mut source)? {
                self.member = Some(GzDecoder::new(source));
            }
        }
        Ok(0)
    }
}

/// Gives whether that was all.
fn skip_zeros(source: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            return Ok(true);
        }
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        if zeros == 0 {
            return Ok(false);
        }
        source.consume(zeros);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Brings one byte at a time.
    struct Drip(Cursor<Vec<u8>>);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = buffer.len().min(1);
            self.0.read(&mut buffer[..bytes])
        }
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(text.as_bytes()).expect("packs");
        packer.finish().expect("packs")
    }

    fn text_of(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        unpacked(Drip(Cursor::new(bytes)))?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn packed_is_told_from_plain_however_few_bytes_come_at_once() {
        let zstd = zstd::encode_all(&b"packed"[..], 3).expect("packs");
        for (bytes, expected) in [
            (b"{}".to_vec(), "{}"),
            (Vec::new(), ""),
            (b"plain text".to_vec(), "plain text"),
            (gzip("packed"), "packed"),
            (zstd, "packed"),
        ] {
            assert_eq!(text_of(bytes).expect(expected), expected);
        }
    }

    #[test]
    fn zeros_after_a_gzip_member_are_padding_and_other_bytes_are_an_error() {
        let two = [gzip("one "), gzip("two")].concat();
        assert_eq!(
            text_of([two.clone(), vec![0; 1_000]].concat()).expect("padded"),
            "one two"
        );
        assert_eq!(text_of(two.clone()).expect("not padded"), "one two");
        assert_eq!(
            text_of([gzip("one "), vec![0; 9], gzip("two")].concat()).expect("between"),
            "one two"
        );
        assert!(text_of([two.clone(), b"garbage, and more of it".to_vec()].concat()).is_err());
        assert!(text_of(two[..two.len() - 3].to_vec()).is_err());
    }
}
