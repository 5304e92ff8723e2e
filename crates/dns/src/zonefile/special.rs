//! Fields of record data whose text needs more than a line to read.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::rdata::{Field, Words};
use super::scan::Token;
use super::text::{self, Reason, shown};
use crate::zone::Rtype;

fn parsed<T: std::str::FromStr>(token: &Token<'_>, what: &str) -> Result<T, Reason> {
    std::str::from_utf8(token.raw)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("{} is no {what}", shown(token)).into())
}

pub(super) fn ipv4(token: &Token<'_>) -> Result<Ipv4Addr, Reason> {
    parsed(token, "IPv4 address")
}

pub(super) fn ipv6(token: &Token<'_>) -> Result<Ipv6Addr, Reason> {
    parsed(token, "IPv6 address")
}

pub(super) fn rtype(token: &Token<'_>) -> Result<Rtype, Reason> {
    Rtype::from_text(token.raw).ok_or_else(|| format!("{} is no record type", shown(token)).into())
}

/// RFC 4034 appendix A.1 and the registry that grew from it.
pub(super) fn algorithm(token: &Token<'_>) -> Result<u8, Reason> {
    const NAMED: &[(&str, u8)] = &[
        ("RSAMD5", 1),
        ("DH", 2),
        ("DSA", 3),
        ("RSASHA1", 5),
        ("DSA-NSEC3-SHA1", 6),
        ("RSASHA1-NSEC3-SHA1", 7),
        ("RSASHA256", 8),
        ("RSASHA512", 10),
        ("ECC-GOST", 12),
        ("ECDSAP256SHA256", 13),
        ("ECDSAP384SHA384", 14),
        ("ED25519", 15),
        ("ED448", 16),
        ("INDIRECT", 252),
        ("PRIVATEDNS", 253),
        ("PRIVATEOID", 254),
    ];
    let named = NAMED
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(token.raw));
    match named {
        Some((_, code)) => Ok(*code),
        None => Ok(text::number(token, 255)? as u8),
    }
}

/// RFC 4034 section 3.2: 14 digits are a date, fewer are seconds since 1970.
/// Dates wrap at 2^32 seconds, as the field does.
pub(super) fn instant(token: &Token<'_>) -> Result<u32, Reason> {
    if token.raw.len() != 14 {
        return text::number(token, u32::MAX);
    }
    let bad = || Reason::from(format!("{} is no date YYYYMMDDHHmmSS", shown(token)));
    let part = |from: usize, to: usize, low: i64, high: i64| {
        let digits = std::str::from_utf8(&token.raw[from..to])
            .ok()
            .filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
        digits
            .and_then(|d| d.parse::<i64>().ok())
            .filter(|v| (low..=high).contains(v))
            .ok_or_else(bad)
    };
    let (year, month, day) = (part(0, 4, 1970, 9999)?, part(4, 6, 1, 12)?, part(6, 8, 1, 31)?);
    let (hour, minute, second) = (part(8, 10, 0, 23)?, part(10, 12, 0, 59)?, part(12, 14, 0, 59)?);
    // Days since 1970, with years that begin in March so that leap days come last.
    let shifted = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468;
    Ok((days * 86_400 + hour * 3600 + minute * 60 + second) as u32)
}

/// RFC 4034 section 4.1.2: windows of 256 types.
pub(super) fn type_bitmap(tokens: &[Token<'_>], out: &mut Vec<u8>) -> Result<(), Reason> {
    let mut windows: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for token in tokens {
        let [window, low] = rtype(token)?.0.to_be_bytes();
        let bitmap = windows.entry(window).or_default();
        let byte = usize::from(low / 8);
        if bitmap.len() <= byte {
            bitmap.resize(byte + 1, 0);
        }
        bitmap[byte] |= 0x80 >> (low % 8);
    }
    for (window, bitmap) in windows {
        out.push(window);
        out.push(bitmap.len() as u8);
        out.extend(bitmap);
    }
    Ok(())
}

/// `count` groups of up to `digits` hexadecimal digits.
pub(super) fn groups(
    token: &Token<'_>,
    separator: u8,
    digits: usize,
    count: usize,
    out: &mut Vec<u8>,
) -> Result<(), Reason> {
    let bad = || {
        Reason::from(format!(
            "{} is not {count} groups of {digits} hexadecimal digits",
            shown(token)
        ))
    };
    let all: Vec<&[u8]> = token.raw.split(|b| *b == separator).collect();
    if all.len() != count {
        return Err(bad());
    }
    for group in all {
        let text = std::str::from_utf8(group).map_err(|_| bad())?;
        if text.is_empty() || text.len() > digits || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let value = u16::from_str_radix(text, 16).map_err(|_| bad())?;
        out.extend(&value.to_be_bytes()[2 - digits / 2..]);
    }
    Ok(())
}

/// RFC 3123: `[!]family:address/prefix` to the end of the record.
pub(super) fn apl(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
    for token in std::mem::take(&mut words.tokens) {
        let bad = || Reason::from(format!("{} is no [!]FAMILY:ADDRESS/PREFIX", shown(token)));
        let text = std::str::from_utf8(token.raw).map_err(|_| bad())?;
        let (negated, text) = text.strip_prefix('!').map_or((0, text), |rest| (0x80, rest));
        let (family, text) = text.split_once(':').ok_or_else(bad)?;
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        let prefix: u8 = prefix.parse().map_err(|_| bad())?;
        let (family, bytes, bits) = match family {
            "1" => (
                1_u16,
                address.parse::<Ipv4Addr>().map_err(|_| bad())?.octets().to_vec(),
                32,
            ),
            "2" => (
                2,
                address.parse::<Ipv6Addr>().map_err(|_| bad())?.octets().to_vec(),
                128,
            ),
            _ => return Err(bad()),
        };
        if prefix > bits {
            return Err(bad());
        }
        // Section 4: zero bytes at the end are left out.
        let length = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        out.extend(family.to_be_bytes());
        out.extend([prefix, negated | length as u8]);
        out.extend(&bytes[..length]);
    }
    Ok(())
}

/// RFC 4025 section 2: the gateway's form depends on its type.
pub(super) fn ipseckey(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
    words.field(Field::U8, out)?;
    let gateway = text::number(&words.next("a gateway type")?, 3)? as u8;
    out.push(gateway);
    words.field(Field::U8, out)?;
    match gateway {
        1 => words.field(Field::Ipv4, out)?,
        2 => words.field(Field::Ipv6, out)?,
        3 => words.field(Field::Name, out)?,
        _ => {
            let none = words.next("a gateway")?;
            if none.raw != b"." {
                return Err(format!("{}: gateway type 0 has the gateway \".\"", shown(&none)).into());
            }
        }
    }
    if words.tokens.is_empty() {
        return Ok(());
    }
    words.field(Field::Base64, out)
}
