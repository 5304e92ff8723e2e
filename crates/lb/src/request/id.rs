//! Request ids: one a request, told to the server and to the client, so that
//! both logs can be laid side by side.

use bytes::Bytes;
use http::HeaderValue;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A new id: 128 random bits as 32 hexadecimal digits.
pub(crate) fn generate() -> HeaderValue {
    let random: [u8; 16] = rand::random();
    let mut text = Vec::with_capacity(32);
    for byte in random {
        text.push(HEX[usize::from(byte >> 4)]);
        text.push(HEX[usize::from(byte & 15)]);
    }
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// Whether an id from a trusted proxy can be kept: 1 to 128 letters, digits,
/// dots, hyphens and underscores, so that no log is ever confused by it.
pub(crate) fn is_well_formed(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=128).contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_well_formed_and_not_like_the_last() {
        let (first, second) = (generate(), generate());
        assert!(is_well_formed(&first), "{first:?}");
        assert_ne!(first, second);
    }

    #[test]
    fn ids_that_could_confuse_a_log_are_not_kept() {
        for text in ["", "a b", "a\"b", "a;b", &"a".repeat(129)] {
            let value = HeaderValue::from_str(text).expect("a header value");
            assert!(!is_well_formed(&value), "{text:?}");
        }
    }
}
