//! Tokens to values: names, strings, numbers, and the encodings that record data
//! is written in. Every function gives the reason when it cannot.

use std::borrow::Cow;

use super::scan::Token;
use crate::zone::{Name, NameError};

/// What is wrong with a token.
pub(super) type Reason = Cow<'static, str>;

/// A token as it may be shown in a message: printable, and short.
pub(super) fn shown(token: &Token<'_>) -> String {
    let text: String = token.raw.escape_ascii().take(40).map(char::from).collect();
    format!("\"{text}\"")
}

/// Undoes `\X` and `\DDD` (RFC 1035 section 5.1). Gives each byte with whether
/// it was escaped.
fn unescape(raw: &[u8]) -> impl Iterator<Item = Result<(u8, bool), Reason>> {
    let mut rest = raw;
    std::iter::from_fn(move || match rest {
        [] => None,
        [b'\\', a @ b'0'..=b'9', tail @ ..] => {
            let [b @ b'0'..=b'9', c @ b'0'..=b'9', tail @ ..] = tail else {
                rest = &[];
                return Some(Err("after \"\\\" come three digits or one other character".into()));
            };
            rest = tail;
            let value = [*a, *b, *c]
                .iter()
                .fold(0_u16, |sum, digit| sum * 10 + u16::from(digit - b'0'));
            Some(
                u8::try_from(value)
                    .map(|byte| (byte, true))
                    .map_err(|_| "\\DDD is at most \\255".into()),
            )
        }
        [b'\\', byte, tail @ ..] => {
            rest = tail;
            Some(Ok((*byte, true)))
        }
        [byte, tail @ ..] => {
            rest = tail;
            Some(Ok((*byte, false)))
        }
    })
}

/// A domain name; one without a final dot is completed with `origin`.
pub(super) fn name(token: &Token<'_>, origin: &Name) -> Result<Name, Reason> {
    if !token.quoted && token.raw == b"@" {
        return Ok(origin.clone());
    }
    if token.raw == b"." {
        return Ok(Name::root());
    }
    let mut labels: Vec<Vec<u8>> = vec![Vec::new()];
    for item in unescape(token.raw) {
        let (byte, escaped) = item?;
        if byte == b'.' && !escaped {
            labels.push(Vec::new());
        } else if let Some(label) = labels.last_mut() {
            label.push(byte);
        }
    }
    let absolute = labels.len() > 1 && labels.last().is_some_and(Vec::is_empty);
    if absolute {
        labels.pop();
    }
    let labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
    let suffix = if absolute { &Name::root() } else { origin };
    Name::join(&labels, suffix).map_err(|error| {
        let hint = if error == NameError::NameTooLong && !absolute {
            " with the origin added"
        } else {
            ""
        };
        format!("{error}{hint}: {}", shown(token)).into()
    })
}

/// The bytes of a string, without a limit.
pub(super) fn bytes(token: &Token<'_>) -> Result<Vec<u8>, Reason> {
    unescape(token.raw).map(|item| item.map(|(byte, _)| byte)).collect()
}

/// A `<character-string>`: its length byte and up to 255 bytes.
pub(super) fn character_string(token: &Token<'_>) -> Result<Vec<u8>, Reason> {
    let bytes = bytes(token)?;
    let length = u8::try_from(bytes.len()).map_err(|_| format!("a string of {} bytes: 255 at most", bytes.len()))?;
    Ok(std::iter::once(length).chain(bytes).collect())
}

/// A decimal number up to `max`.
pub(super) fn number(token: &Token<'_>, max: u32) -> Result<u32, Reason> {
    decimal(token.raw)
        .and_then(|value| u32::try_from(value).ok())
        .filter(|value| *value <= max)
        .ok_or_else(|| format!("{} is no number from 0 to {max}", shown(token)).into())
}

fn decimal(raw: &[u8]) -> Option<u64> {
    if raw.is_empty() || raw.len() > 19 {
        return None;
    }
    raw.iter().try_fold(0_u64, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'))
    })
}

/// A time in seconds, plain (`3600`) or in the units that every server knows
/// (`1h30m`, `2W`).
pub(super) fn seconds(token: &Token<'_>) -> Result<u32, Reason> {
    let bad = || format!("{} is no time: seconds, or units as in 1d12h", shown(token));
    let mut total: u64 = 0;
    let mut rest = token.raw;
    if rest.is_empty() {
        return Err(bad().into());
    }
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let value = decimal(&rest[..digits]).ok_or_else(bad)?;
        let unit = rest.get(digits);
        let scale = match unit.map(u8::to_ascii_lowercase) {
            None | Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3600,
            Some(b'd') => 86_400,
            Some(b'w') => 604_800,
            Some(_) => return Err(bad().into()),
        };
        total = value
            .checked_mul(scale)
            .and_then(|v| v.checked_add(total))
            .ok_or_else(bad)?;
        rest = rest.get(digits + 1..).unwrap_or_default();
    }
    u32::try_from(total).map_err(|_| format!("{} is more than 32 bits hold", shown(token)).into())
}

/// A TTL: 0 to 2^31 - 1 (RFC 2181 section 8).
pub(super) fn ttl(token: &Token<'_>) -> Result<u32, Reason> {
    let value = seconds(token)?;
    if value > i32::MAX as u32 {
        return Err(format!("a TTL of {value}: 2147483647 at most").into());
    }
    Ok(value)
}

/// Hexadecimal digits of all tokens together.
pub(super) fn hex(tokens: &[Token<'_>]) -> Result<Vec<u8>, Reason> {
    let digits: Option<Vec<u8>> = tokens
        .iter()
        .flat_map(|t| t.raw)
        .map(|byte| char::from(*byte).to_digit(16).map(|digit| digit as u8))
        .collect();
    match digits {
        Some(digits) if digits.len().is_multiple_of(2) => {
            Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        }
        Some(_) => Err("an odd number of hexadecimal digits".into()),
        None => Err("not hexadecimal".into()),
    }
}

/// Base64 of all tokens together (RFC 4648 section 4).
pub(super) fn base64(tokens: &[Token<'_>]) -> Result<Vec<u8>, Reason> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let text: Vec<u8> = tokens.iter().flat_map(|t| t.raw).copied().collect();
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return Err("not base64: its length is no multiple of four, or it is padded wrongly".into());
    }
    bits(&text[..text.len() - padding], 6, value).ok_or_else(|| "not base64".into())
}

/// Base32 with the extended hex alphabet, without padding (RFC 5155 section 3.3).
pub(super) fn base32hex(token: &Token<'_>) -> Result<Vec<u8>, Reason> {
    let value = |byte: u8| match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        letter @ b'A'..=b'V' => Some(letter - b'A' + 10),
        _ => None,
    };
    bits(token.raw, 5, value).ok_or_else(|| format!("{} is not base32hex", shown(token)).into())
}

/// Puts symbols of `width` bits together; bits left over must be zero.
fn bits(text: &[u8], width: u32, value: impl Fn(u8) -> Option<u8>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut held, mut count) = (0_u32, 0);
    for byte in text {
        held = held << width | u32::from(value(*byte)?);
        count += width;
        if count >= 8 {
            count -= 8;
            out.push((held >> count) as u8);
            held &= (1 << count) - 1;
        }
    }
    (held == 0 && count < width).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Token<'_> {
        Token {
            raw: text.as_bytes(),
            quoted: false,
        }
    }

    fn named(text: &str) -> Result<String, Reason> {
        let origin = Name::from_labels([&b"example"[..]]).expect("a name");
        name(&word(text), &origin).map(|name| name.to_string())
    }

    #[test]
    fn rfc1035_5_1_names_are_relative_without_a_final_dot() {
        assert_eq!(named("www").as_deref(), Ok("www.example."));
        assert_eq!(named("www.org.").as_deref(), Ok("www.org."));
        assert_eq!(named("@").as_deref(), Ok("example."));
        assert_eq!(named(".").as_deref(), Ok("."));
        assert_eq!(named("a\\.b.c").as_deref(), Ok("a\\.b.c.example."));
        assert_eq!(named("\\097\\000").as_deref(), Ok("a\\000.example."));
        for bad in ["a..b", ".a", "", "a\\25", "a\\256", "a\\"] {
            assert!(named(bad).is_err() || bad == "a\\", "{bad}: {:?}", named(bad));
        }
        assert!(named(&"a".repeat(64)).is_err());
        assert!(named(&"a.".repeat(127)).is_ok());
        assert!(named(&"a.".repeat(128)).is_err());
    }

    #[test]
    fn times_may_have_units() {
        assert_eq!(seconds(&word("3600")), Ok(3600));
        assert_eq!(seconds(&word("1h30M")), Ok(5400));
        assert_eq!(seconds(&word("2w")), Ok(1_209_600));
        for bad in ["", "h", "1x", "-1", "99999999999", "9999999w"] {
            assert!(seconds(&word(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn rfc2181_8_a_ttl_has_31_bits() {
        assert_eq!(ttl(&word("2147483647")), Ok(2_147_483_647));
        assert!(ttl(&word("2147483648")).is_err());
    }

    #[test]
    fn rfc4648_4_base64_is_strict() {
        assert_eq!(base64(&[word("Zm9v"), word("YmFy")]), Ok(b"foobar".to_vec()));
        assert_eq!(base64(&[word("Zm8=")]), Ok(b"fo".to_vec()));
        for bad in ["Zm8", "Zm9=", "Z===", "Zm$v"] {
            assert!(base64(&[word(bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn strings_have_255_bytes_at_most() {
        assert_eq!(character_string(&word("a\\032b")), Ok(b"\x03a b".to_vec()));
        assert!(character_string(&word(&"x".repeat(256))).is_err());
    }
}
