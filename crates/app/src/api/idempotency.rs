//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a client that sends a write again under the same key
//! gets the answer that it missed, and nothing is done twice.
//!
//! A key belongs to its visitor and to what was asked. How it was asked, by GET or by POST, in the path or with a
//! version in front, is no difference.

use catalog::{IdempotencyKey, Visitor};
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::api::negotiate::Format;
use crate::failure::Failure;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest key, characters.
const MAX_CHARS: usize = 255;

/// The name that a client gave to its write, if it gave one. `operation` and `station` are what it asks, and the format
/// is part of it because the answer is written in it.
///
/// # Errors
/// [`Failure::BadRequest`] for a header that cannot be read.
pub(crate) fn key(
    headers: &HeaderMap,
    visitor: Visitor,
    operation: &str,
    station: Uuid,
    format: Format,
) -> Result<Option<IdempotencyKey>, Failure> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = match (value.to_str().map(read), values.next()) {
        (Ok(Some(key)), None) => key,
        _ => {
            return Err(Failure::BadRequest(format!(
                "Idempotency-Key is one string of 1 to {MAX_CHARS} characters in double quotes (RFC 8941, 3.3.3), or a \
                 token such as a UUID."
            )));
        }
    };
    let name = Sha256::new()
        .chain_update(b"radiodeck idempotency 1\0")
        .chain_update(visitor.0)
        .chain_update(key);
    let request = Sha256::new()
        .chain_update(operation)
        .chain_update(b"\0")
        .chain_update(station)
        .chain_update(format.content_type());
    Ok(Some(IdempotencyKey::new(
        name.finalize().into(),
        request.finalize().into(),
    )))
}

/// A string of RFC 8941 without parameters, or a bare token.
fn read(value: &str) -> Option<String> {
    let value = value.trim();
    let key = match value.strip_prefix('"') {
        Some(quoted) => unquoted(quoted)?,
        None if value.bytes().all(is_token) => value.to_owned(),
        None => return None,
    };
    (1..=MAX_CHARS).contains(&key.len()).then_some(key)
}

/// What stands before the closing quote, if that is the end.
fn unquoted(quoted: &str) -> Option<String> {
    let mut key = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(key),
            '\\' => key.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            character @ ' '..='~' => key.push(character),
            _ => return None,
        }
    }
}

/// As in a token of RFC 8941, 3.3.4, which a UUID is but for its first character.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings_and_tokens_are_keys_and_nothing_else_is() {
        for (value, key) in [
            (
                "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"",
                "8e03978e-40d5-43e8-bc93-6894a57f9324",
            ),
            (
                "8e03978e-40d5-43e8-bc93-6894a57f9324",
                "8e03978e-40d5-43e8-bc93-6894a57f9324",
            ),
            ("  \"a b\"  ", "a b"),
            (r#""say \"\\\"""#, r#"say "\""#),
        ] {
            assert_eq!(read(value).as_deref(), Some(key), "{value}");
        }
        for value in [
            "",
            "\"\"",
            "\"",
            "\"open",
            "\"a\"b",
            "a b",
            "a,b",
            "\"a\";p",
            r#""\a""#,
            "\"\u{e4}\"",
            "\"\t\"",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
        assert!(read(&"k".repeat(255)).is_some());
        assert!(read(&"k".repeat(256)).is_none());
    }

    #[test]
    fn a_key_is_its_visitors_own_and_stands_for_one_request() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let of = |visitor, operation, station, format| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, "\"k\"".parse().expect("a header value"));
            key(&headers, Visitor([visitor; 16]), operation, station, format)
                .expect("a key that can be read")
                .expect("a key")
        };
        let xml = Format::Xml {
            content_type: "text/xml",
        };
        let all = [
            of(1, "vote", one, Format::Json),
            of(2, "vote", one, Format::Json),
            of(1, "click", one, Format::Json),
            of(1, "vote", two, Format::Json),
            of(1, "vote", one, xml),
        ];
        for (index, key) in all.iter().enumerate() {
            assert!(!all[..index].contains(key), "{index}");
        }
        assert_eq!(of(1, "vote", one, Format::Json), all[0]);
    }

    #[test]
    fn two_keys_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, "a".parse().expect("a header value"));
        headers.append(HEADER, "b".parse().expect("a header value"));
        assert!(key(&headers, Visitor([1; 16]), "vote", Uuid::nil(), Format::Json).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_is_read_back(key in "[ -~]{1,255}") {
            let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(read(&quoted), Some(key));
        }

        #[test]
        fn no_header_breaks_the_reader_and_no_key_is_longer_than_its_bound(value in "\\PC{0,400}") {
            if let Some(key) = read(&value) {
                prop_assert!((1..=MAX_CHARS).contains(&key.len()) && key.is_ascii());
            }
        }
    }
}
