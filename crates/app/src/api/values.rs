//! Single values as clients write them, read or refused by name.

use uuid::Uuid;

use crate::failure::Failure;

/// Longest text that is searched for, characters.
pub(crate) const MAX_TERM_CHARS: usize = 400;

/// Most station ids in one question.
const MAX_UUIDS: usize = 1_000;

/// A whole number within what 64 bits hold; larger ones are clamped, since they
/// mean "very many".
pub(crate) fn number(name: &str, value: &str) -> Result<i64, Failure> {
    let digits = value.trim();
    if let Ok(number) = digits.parse::<i64>() {
        return Ok(number);
    }
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits),
    };
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(if negative { i64::MIN } else { i64::MAX });
    }
    Err(Failure::parameter(
        name,
        format!("is `{}`, which is no whole number.", shortened(value)),
    ))
}

/// Text within the bound on terms and without NUL.
pub(crate) fn bounded(name: &str, value: &str) -> Result<String, Failure> {
    if value.chars().nth(MAX_TERM_CHARS).is_some() {
        return Err(Failure::parameter(
            name,
            format!("is longer than {MAX_TERM_CHARS} characters."),
        ));
    }
    without_nul(name, value)
}

/// A station's id, in any of the forms of RFC 9562 that clients write.
pub(crate) fn uuid(name: &str, value: &str) -> Result<Uuid, Failure> {
    Uuid::try_parse(value)
        .map_err(|_| Failure::parameter(name, format!("is `{}`, which is no UUID.", shortened(value))))
}

/// Stations' ids as a comma list, spaces and empty places left out.
pub(crate) fn uuids(name: &str, value: &str) -> Result<Vec<Uuid>, Failure> {
    let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
    let uuids = parts.map(|part| uuid(name, part)).collect::<Result<Vec<_>, _>>()?;
    if uuids.len() > MAX_UUIDS {
        return Err(Failure::parameter(
            name,
            format!("names more than {MAX_UUIDS} stations."),
        ));
    }
    Ok(uuids)
}

/// Text without NUL, which Postgres cannot hold.
pub(crate) fn without_nul(name: &str, value: &str) -> Result<String, Failure> {
    if value.contains('\0') {
        return Err(Failure::parameter(name, "holds a NUL character."));
    }
    Ok(value.to_owned())
}

/// Enough of a value to recognise it.
pub(crate) fn shortened(value: &str) -> String {
    value.chars().take(60).collect()
}
