//! Whether a line of a head or of a trailer section is well formed. hyper is as
//! strict, but it answers without a body, a request id or a number to count by,
//! and some of it not at all.

use http::Uri;

use crate::problem::Problem;

/// Longest field name that hyper's index can hold, bytes.
const MAX_NAME_BYTES: usize = u16::MAX as usize;

/// A first line: target and whether the version is 1.0.
pub(super) fn request_line(line: &[u8], max_target_bytes: usize) -> Result<bool, Problem> {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Problem::RequestLineInvalid);
    };
    if !is_token(method) {
        return Err(Problem::RequestLineInvalid);
    }
    if target.len() > max_target_bytes {
        return Err(Problem::TargetTooLong);
    }
    let http_10 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            return Err(Problem::VersionUnknown);
        }
        _ => return Err(Problem::RequestLineInvalid),
    };
    if !is_target(target) {
        return Err(Problem::TargetInvalid);
    }
    Ok(http_10)
}

/// A field: its name and its value without the blanks around it.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Problem> {
    let colon = memchr::memchr(b':', line).ok_or(Problem::FieldInvalid)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    // A name that begins with a blank is obs-fold (RFC 9112 5.2).
    if !is_token(name) || name.len() > MAX_NAME_BYTES {
        return Err(Problem::FieldInvalid);
    }
    let allowed = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    if !value.iter().all(allowed) {
        return Err(Problem::FieldInvalid);
    }
    Ok((name, trim_blanks(value)))
}

/// Without blanks and tabs around it, and without anything else.
pub(super) fn trim_blanks(bytes: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().take_while(|byte| is_blank(byte)).count();
    let end = bytes[start..].iter().rev().take_while(|byte| is_blank(byte)).count();
    &bytes[start..bytes.len() - end]
}

/// RFC 9110 5.6.2.
fn is_token(bytes: &[u8]) -> bool {
    let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(in_token)
}

/// Whether hyper takes this target. Nearly all are plain paths; for the others
/// its own parser is asked, so that there is no second opinion.
pub(crate) fn is_target(target: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/?&=%-._~+,;:@!$'()*".contains(byte);
    if target.first() == Some(&b'/') && target.iter().all(plain) {
        return true;
    }
    // No parser sees a fragment: it is cut off without a word.
    let possible = |byte: &u8| matches!(byte, b'!'..=b'~' | 0x80..) && *byte != b'#';
    target.iter().all(possible) && std::str::from_utf8(target).is_ok() && Uri::try_from(target).is_ok()
}
