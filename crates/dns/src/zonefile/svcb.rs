//! SVCB and HTTPS (RFC 9460 section 2.1 and appendix A).

use std::collections::BTreeMap;

use super::rdata::{Field, Words};
use super::scan::Token;
use super::special;
use super::text::{self, Reason, shown};

const KEYS: &[(&str, u16)] = &[
    ("mandatory", 0),
    ("alpn", 1),
    ("no-default-alpn", 2),
    ("port", 3),
    ("ipv4hint", 4),
    ("ech", 5),
    ("ipv6hint", 6),
    ("dohpath", 7),
    ("ohttp", 8),
];

/// Priority, target and parameters, which go out in ascending order of their keys.
pub(super) fn parse(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
    words.field(Field::U16, out)?;
    words.field(Field::Name, out)?;
    let mut params: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    for token in std::mem::take(&mut words.tokens) {
        let (key, value) = split(token);
        let code = key_code(key).ok_or_else(|| format!("{} is no parameter", shown(token)))?;
        let wire = encode(code, &value).map_err(|reason| format!("{}: {reason}", shown(token)))?;
        if params.insert(code, wire).is_some() {
            return Err(format!("{}: given twice", shown(token)).into());
        }
    }
    if let Some(mandatory) = params.get(&0) {
        for pair in mandatory.chunks(2) {
            let code = u16::from_be_bytes([pair[0], pair[1]]);
            if code == 0 || !params.contains_key(&code) {
                return Err("mandatory names a parameter that is not there, or itself".into());
            }
        }
    }
    if params.contains_key(&2) && !params.contains_key(&1) {
        return Err("no-default-alpn needs alpn beside it".into());
    }
    for (code, wire) in params {
        let length = u16::try_from(wire.len()).map_err(|_| "a parameter is longer than 65535 bytes")?;
        out.extend(code.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(wire);
    }
    Ok(())
}

/// `key`, `key=value` or `key="value"`.
fn split<'t>(token: &Token<'t>) -> (&'t [u8], Token<'t>) {
    let (key, value) = match token.raw.iter().position(|b| *b == b'=') {
        Some(at) => (&token.raw[..at], &token.raw[at + 1..]),
        None => (token.raw, &[][..]),
    };
    let unquoted = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\""));
    let value = Token {
        raw: unquoted.unwrap_or(value),
        quoted: unquoted.is_some(),
    };
    (key, value)
}

fn key_code(key: &[u8]) -> Option<u16> {
    let named = KEYS.iter().find(|(name, _)| name.as_bytes() == key);
    if let Some((_, code)) = named {
        return Some(*code);
    }
    let digits = std::str::from_utf8(key.strip_prefix(b"key")?).ok()?;
    // 65535 is reserved as invalid (section 14.3.2).
    digits
        .parse()
        .ok()
        .filter(|code: &u16| *code != u16::MAX && !digits.starts_with('+'))
}

fn encode(code: u16, value: &Token<'_>) -> Result<Vec<u8>, Reason> {
    let words = |token: &Token<'_>| -> Result<Vec<Vec<u8>>, Reason> {
        let list = comma_list(&text::bytes(token)?);
        if list.iter().any(Vec::is_empty) {
            return Err("an empty value, or an empty one in a list".into());
        }
        Ok(list)
    };
    let plain = |raw: &[u8]| Token { raw, quoted: false }.raw.to_vec();
    let mut out = Vec::new();
    match code {
        0 => {
            let mut codes = Vec::new();
            for key in words(value)? {
                codes.push(key_code(&plain(&key)).ok_or("not a list of parameters")?);
            }
            codes.sort_unstable();
            if codes.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err("a parameter is named twice".into());
            }
            out.extend(codes.iter().flat_map(|code| code.to_be_bytes()));
        }
        1 => {
            for id in words(value)? {
                out.push(u8::try_from(id.len()).map_err(|_| "a protocol of more than 255 bytes")?);
                out.extend(id);
            }
        }
        2 | 8 if value.raw.is_empty() => {}
        2 | 8 => return Err("takes no value".into()),
        3 => out.extend((text::number(value, 65_535)? as u16).to_be_bytes()),
        4 => {
            for address in words(value)? {
                out.extend(
                    special::ipv4(&Token {
                        raw: &address,
                        quoted: false,
                    })?
                    .octets(),
                );
            }
        }
        5 => out.extend(text::base64(&[*value])?),
        6 => {
            for address in words(value)? {
                out.extend(
                    special::ipv6(&Token {
                        raw: &address,
                        quoted: false,
                    })?
                    .octets(),
                );
            }
        }
        _ => out.extend(text::bytes(value)?),
    }
    Ok(out)
}

/// Appendix A.1: commas separate, `\,` is one and `\\` a backslash, after the
/// escapes of the zone file were undone.
fn comma_list(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut list = vec![Vec::new()];
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b',' => list.push(Vec::new()),
            b'\\' => list.last_mut().map_or((), |item| item.extend(rest.next())),
            _ => list.last_mut().map_or((), |item| item.push(*byte)),
        }
    }
    list
}
