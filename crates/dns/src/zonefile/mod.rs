//! Zone files in the standard format (RFC 1035 section 5, `$TTL` of RFC 2308,
//! unknown types of RFC 3597), read into a checked [`Zone`].
//!
//! The parser is ours: hickory's knows too few types and reads some wrongly, and
//! the one of the `domain` crate takes no times with units, keeps no line of a
//! record, and lacks several types. Errors name file, line and reason.
//! Never here: what a zone may hold beside what, which is `zone`'s to judge.

mod loc;
mod rdata;
mod reader;
mod scan;
mod special;
mod svcb;
#[cfg(test)]
mod tests;
mod text;

use std::path::Path;
use std::sync::Arc;

use crate::zone::{Name, Place, Zone, ZoneBuilder, ZoneError};

/// A larger file is a mistake: a million names take about 50 million bytes.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// `$INCLUDE` within `$INCLUDE`: more is a loop.
const MAX_INCLUDE_DEPTH: usize = 8;

/// Reads and checks a zone file. Names without a final dot are completed with
/// `origin` until the file says `$ORIGIN`.
///
/// # Errors
/// The first thing that is wrong, with its file and line.
pub fn load(path: &Path, origin: &Name) -> Result<Zone, ZoneError> {
    let mut builder = ZoneBuilder::new(origin);
    let file: Arc<Path> = path.into();
    let text = read(&file, None)?;
    reader::read_into(&mut builder, &file, &text, origin, 0)?;
    builder.finish(&file)
}

/// Like [`load`], from memory; `$INCLUDE` starts from the working directory.
///
/// # Errors
/// As [`load`]; the file is called "zone text".
pub fn parse(text: &str, origin: &Name) -> Result<Zone, ZoneError> {
    let mut builder = ZoneBuilder::new(origin);
    let file: Arc<Path> = Path::new("zone text").into();
    reader::read_into(&mut builder, &file, text.as_bytes(), origin, 0)?;
    builder.finish(&file)
}

/// A name as it stands in a configuration: always absolute.
///
/// # Errors
/// Why it is no name.
pub fn parse_name(text: &str) -> Result<Name, String> {
    let token = scan::Token {
        raw: text.as_bytes(),
        quoted: true,
    };
    text::name(&token, &Name::root()).map_err(std::borrow::Cow::into_owned)
}

/// The text of a file; `from` is the line that includes it.
fn read(file: &Arc<Path>, from: Option<&Place>) -> Result<Vec<u8>, ZoneError> {
    let refuse = |reason: String| match from {
        Some(place) => ZoneError {
            place: place.clone(),
            reason: format!("$INCLUDE {}: {reason}", file.display()),
        },
        None => ZoneError {
            place: Place {
                file: file.clone(),
                line: None,
            },
            reason,
        },
    };
    let metadata = std::fs::metadata(file).map_err(|error| refuse(error.to_string()))?;
    if !metadata.is_file() {
        return Err(refuse("not a file".into()));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(refuse(format!("{} bytes: {MAX_FILE_BYTES} at most", metadata.len())));
    }
    std::fs::read(file).map_err(|error| refuse(error.to_string()))
}
