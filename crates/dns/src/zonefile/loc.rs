//! LOC (RFC 1876 section 3): degrees, minutes and seconds, an altitude, and up
//! to three sizes.

use super::rdata::Words;
use super::scan::Token;
use super::text::{self, Reason, shown};

const EQUATOR: i64 = 1 << 31;
/// The reference altitude is 100 km below the ellipsoid, in centimetres.
const BELOW_GROUND_CM: i64 = 10_000_000;

/// Appends the 16 bytes of version 0.
pub(super) fn parse(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
    let latitude = angle(words, 90, b'N', b'S')?;
    let longitude = angle(words, 180, b'E', b'W')?;
    let altitude = centimetres(&words.next("an altitude")?)? + BELOW_GROUND_CM;
    let altitude = u32::try_from(altitude).map_err(|_| "an altitude below -100000 m or above 42849672.95 m")?;
    out.push(0);
    // Size, horizontal and vertical precision have these defaults.
    for default in [100, 1_000_000, 1_000] {
        let size = match words.tokens {
            [] => default,
            _ => centimetres(&words.next("a size")?)?,
        };
        out.push(exponential(size)?);
    }
    out.extend(latitude.to_be_bytes());
    out.extend(longitude.to_be_bytes());
    out.extend(altitude.to_be_bytes());
    Ok(())
}

/// Thousandths of a second of arc, from 2^31 at the equator or prime meridian.
fn angle(words: &mut Words<'_>, most_degrees: u32, positive: u8, negative: u8) -> Result<u32, Reason> {
    let mut value = i64::from(text::number(&words.next("degrees")?, most_degrees)?) * 3_600_000;
    let mut scale = 60_000;
    loop {
        let token = words.next("a direction (N, S, E or W)")?;
        let sign = match token.raw {
            [letter] if letter.eq_ignore_ascii_case(&positive) => 1,
            [letter] if letter.eq_ignore_ascii_case(&negative) => -1,
            _ if scale == 60_000 => {
                value += i64::from(text::number(&token, 59)?) * scale;
                scale = 1;
                continue;
            }
            _ if scale == 1 => {
                let millis = thousandths(token.raw).filter(|v| *v < 60_000);
                value += millis.ok_or_else(|| format!("{} is no number of seconds", shown(&token)))?;
                scale = 0;
                continue;
            }
            _ => return Err(format!("{} is no direction", shown(&token)).into()),
        };
        if value > i64::from(most_degrees) * 3_600_000 {
            return Err(format!("more than {most_degrees} degrees").into());
        }
        return u32::try_from(EQUATOR + sign * value).map_err(|_| "an angle out of range".into());
    }
}

/// Metres with up to two decimals and an optional `m`, in centimetres.
fn centimetres(token: &Token<'_>) -> Result<i64, Reason> {
    let bad = || Reason::from(format!("{} is no number of metres", shown(token)));
    let raw = token.raw.strip_suffix(b"m").unwrap_or(token.raw);
    let (sign, raw) = raw.strip_prefix(b"-").map_or((1, raw), |rest| (-1, rest));
    let millis = thousandths(raw).filter(|v| v % 10 == 0).ok_or_else(bad)?;
    Ok(sign * millis / 10)
}

/// A decimal number with up to three decimals, times a thousand.
fn thousandths(raw: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(raw).ok()?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > 3 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: i64 = format!("{part:0<3}").parse().ok()?;
    Some(whole.parse::<i64>().ok()? * 1000 + part)
}

/// A digit and a power of ten of centimetres, in half a byte each.
fn exponential(centimetres: i64) -> Result<u8, Reason> {
    let (mut mantissa, mut exponent) = (centimetres, 0_u8);
    while mantissa > 9 {
        mantissa /= 10;
        exponent += 1;
    }
    match u8::try_from(mantissa) {
        Ok(mantissa) if exponent <= 9 => Ok(mantissa << 4 | exponent),
        _ => Err("a size below 0 m or above 90000000 m".into()),
    }
}
