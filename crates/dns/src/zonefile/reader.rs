//! Entries to records: directives, and what a record may leave out because the
//! one before it said so.

use std::path::Path;
use std::sync::Arc;

use super::scan::{Entry, Scanner, Token};
use super::text::{self, Reason, shown};
use super::{MAX_INCLUDE_DEPTH, rdata};
use crate::zone::{Name, Place, Record, Rtype, ZoneBuilder, ZoneError};

/// What lines leave out is taken from here.
struct State {
    origin: Name,
    last_owner: Option<Name>,
    last_ttl: Option<u32>,
    default_ttl: Option<u32>,
}

/// Reads one file and those it includes.
pub(super) fn read_into(
    builder: &mut ZoneBuilder,
    file: &Arc<Path>,
    text: &[u8],
    origin: &Name,
    depth: usize,
) -> Result<(), ZoneError> {
    let mut state = State {
        origin: origin.clone(),
        last_owner: None,
        last_ttl: None,
        default_ttl: None,
    };
    read_file(builder, &mut state, file, text, depth)
}

fn read_file(
    builder: &mut ZoneBuilder,
    state: &mut State,
    file: &Arc<Path>,
    text: &[u8],
    depth: usize,
) -> Result<(), ZoneError> {
    let mut scanner = Scanner::new(text);
    loop {
        let at = |line: u32| Place {
            file: file.clone(),
            line: Some(line),
        };
        let entry = scanner.next_entry().map_err(|(line, reason)| ZoneError {
            place: at(line),
            reason: reason.into(),
        })?;
        let Some(entry) = entry else {
            return Ok(());
        };
        let place = at(entry.line);
        let refuse = |reason: Reason| ZoneError {
            place: place.clone(),
            reason: reason.into_owned(),
        };
        let first = entry.tokens[0];
        if first.raw.starts_with(b"$") && !first.quoted && !entry.indented {
            match directive(state, &entry).map_err(refuse)? {
                None => {}
                Some(include) => include_file(builder, state, &place, &include, depth)?,
            }
        } else {
            let record = record(state, &entry).map_err(refuse)?;
            builder.add(record, &place)?;
        }
    }
}

/// A file to be read in the place of a line.
struct Include {
    path: String,
    origin: Option<Name>,
}

fn directive(state: &mut State, entry: &Entry<'_>) -> Result<Option<Include>, Reason> {
    let (first, args) = entry.tokens.split_first().ok_or("an empty line")?;
    let name = first.raw.to_ascii_uppercase();
    let include = match (name.as_slice(), args) {
        (b"$ORIGIN", [origin]) => {
            state.origin = text::name(origin, &state.origin)?;
            None
        }
        (b"$TTL", [ttl]) => {
            state.default_ttl = Some(text::ttl(ttl)?);
            None
        }
        (b"$INCLUDE", [path, origin @ ..]) if origin.len() <= 1 => {
            let path = String::from_utf8(text::bytes(path)?).map_err(|_| "the file's name is not UTF-8")?;
            let origin = origin.first().map(|o| text::name(o, &state.origin)).transpose()?;
            Some(Include { path, origin })
        }
        (b"$ORIGIN" | b"$TTL" | b"$INCLUDE", _) => {
            return Err(format!(
                "{} takes {}",
                shown(first),
                if name == b"$INCLUDE" {
                    "a file and at most a name"
                } else {
                    "one value"
                }
            )
            .into());
        }
        _ => {
            return Err(format!(
                "{} is no directive of the standard format: $ORIGIN, $TTL, $INCLUDE",
                shown(first)
            )
            .into());
        }
    };
    Ok(include)
}

/// RFC 1035 section 5.1: whatever the included file does, the origin and the last
/// owner of this one stay.
fn include_file(
    builder: &mut ZoneBuilder,
    state: &mut State,
    place: &Place,
    include: &Include,
    depth: usize,
) -> Result<(), ZoneError> {
    if depth + 1 > MAX_INCLUDE_DEPTH {
        return Err(ZoneError {
            place: place.clone(),
            reason: format!("$INCLUDE more than {MAX_INCLUDE_DEPTH} deep: do the files include each other?"),
        });
    }
    let folder = place.file.parent().unwrap_or(Path::new(""));
    let file: Arc<Path> = folder.join(&include.path).into();
    let text = super::read(&file, Some(place))?;
    let mut inner = State {
        origin: include.origin.clone().unwrap_or_else(|| state.origin.clone()),
        last_owner: state.last_owner.clone(),
        last_ttl: state.last_ttl,
        default_ttl: state.default_ttl,
    };
    read_file(builder, &mut inner, &file, &text, depth + 1)
}

fn record(state: &mut State, entry: &Entry<'_>) -> Result<Record, Reason> {
    let mut tokens = entry.tokens.as_slice();
    let owner = if entry.indented {
        state
            .last_owner
            .clone()
            .ok_or("the line begins with a space, and there is no owner before it")?
    } else {
        let owner = text::name(&tokens[0], &state.origin)?;
        tokens = &tokens[1..];
        owner
    };
    let (ttl, rtype, data) = ttl_class_type(tokens)?;
    let rdata = rdata::parse(rtype, data, &state.origin).map_err(|reason| format!("{rtype} at {owner}: {reason}"))?;
    let ttl = ttl.or(state.default_ttl).or(state.last_ttl).or_else(|| {
        // Without any TTL so far the SOA's MINIMUM is one, as it was before RFC 2308.
        let minimum = rdata.last_chunk().filter(|_| rtype == Rtype::SOA)?;
        Some(u32::from_be_bytes(*minimum).min(i32::MAX as u32))
    });
    let ttl = ttl.ok_or_else(|| format!("{rtype} at {owner}: no TTL, and no $TTL before it"))?;
    state.last_ttl = Some(ttl);
    state.last_owner = Some(owner.clone());
    Ok(Record {
        owner,
        rtype,
        ttl,
        rdata,
    })
}

/// `[TTL] [class] type` or `[class] [TTL] type`, then the data.
fn ttl_class_type<'t>(mut tokens: &'t [Token<'t>]) -> Result<(Option<u32>, Rtype, &'t [Token<'t>]), Reason> {
    let (mut ttl, mut class) = (None, false);
    loop {
        let (token, rest) = tokens.split_first().ok_or("the record has no type")?;
        tokens = rest;
        if token.quoted {
            return Err(format!("{} stands where a record type is expected", shown(token)).into());
        }
        if ttl.is_none() && token.raw.first().is_some_and(u8::is_ascii_digit) {
            ttl = Some(text::ttl(token)?);
        } else if !class && is_class(token)? {
            class = true;
        } else {
            let rtype = Rtype::from_text(token.raw).ok_or_else(|| format!("{} is no record type", shown(token)))?;
            return Ok((ttl, rtype, rest));
        }
    }
}

fn is_class(token: &Token<'_>) -> Result<bool, Reason> {
    let upper = token.raw.to_ascii_uppercase();
    match upper.as_slice() {
        b"IN" | b"CLASS1" => Ok(true),
        b"CH" | b"CS" | b"HS" => Err(format!("class {}: only IN is served", shown(token)).into()),
        other if other.starts_with(b"CLASS") && other[5..].iter().all(u8::is_ascii_digit) => {
            Err(format!("class {}: only IN is served", shown(token)).into())
        }
        _ => Ok(false),
    }
}
