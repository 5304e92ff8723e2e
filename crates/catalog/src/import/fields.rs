//! Takes typed values out of a JSON object, and remembers what cleaning changed.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Counts are cut off here: what real stations have is far below, and what is counted on top has room.
const MAX_COUNT: i64 = 1_000_000_000;
/// How much of a changed text is kept.
const MAX_ORIGINAL_BYTES: usize = 1_000;

/// What is wrong with a row; names the field.
pub(super) type Reason = String;

pub(super) struct Fields {
    object: Map<String, Value>,
    /// Fields as they came, where they were changed.
    original: Map<String, Value>,
}

impl Fields {
    pub(super) fn new(object: Map<String, Value>) -> Self {
        let original = Map::new();
        Self { object, original }
    }

    /// Null and missing are the same.
    fn value(&self, field: &str) -> Option<&Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    /// Keeps the field as it came, the beginning of a long one.
    pub(super) fn keep(&mut self, field: &str) {
        let value = match self.object.get(field) {
            // Postgres holds no NUL, in JSON neither.
            Some(Value::String(text)) => beginning(text).replace('\0', "\u{fffd}").into(),
            value => value.cloned().unwrap_or_default(),
        };
        self.original.insert(field.to_owned(), value);
    }

    /// What was kept, as JSON.
    pub(super) fn into_original(self) -> Option<String> {
        (!self.original.is_empty()).then(|| Value::Object(self.original).to_string())
    }

    fn raw_text(&self, field: &str) -> Result<&str, Reason> {
        match self.value(field) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(format!("{field}: not a text")),
        }
    }

    /// Text through a function that cleans it.
    pub(super) fn text(&mut self, field: &str, clean: impl Fn(&str) -> String) -> Result<String, Reason> {
        let raw = self.raw_text(field)?;
        let cleaned = clean(raw);
        if cleaned != raw {
            self.keep(field);
        }
        Ok(cleaned)
    }

    /// Text through a function that may refuse it.
    pub(super) fn required(
        &mut self,
        field: &str,
        clean: impl Fn(&str) -> Result<String, &'static str>,
    ) -> Result<String, Reason> {
        let raw = self.raw_text(field)?;
        let cleaned = clean(raw).map_err(|reason| format!("{field}: {reason}"))?;
        if cleaned != raw {
            self.keep(field);
        }
        Ok(cleaned)
    }

    /// A whole number, also as text, which is how old versions of the API had them.
    pub(super) fn integer(&self, field: &str) -> Result<Option<i64>, Reason> {
        let wrong = || format!("{field}: not a whole number");
        match self.value(field) {
            None => Ok(None),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Ok(Some(whole)),
                (None, Some(float)) if float.fract() == 0.0 && float.abs() < 1e15 => Ok(Some(float as i64)),
                _ => Err(wrong()),
            },
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    /// A count, which cannot be negative.
    pub(super) fn count(&mut self, field: &str) -> Result<i32, Reason> {
        let number = self.integer(field)?.unwrap_or(0);
        Ok(self.bounded(field, number, number.clamp(0, MAX_COUNT)))
    }

    /// A difference of counts.
    pub(super) fn difference(&mut self, field: &str) -> Result<i32, Reason> {
        let number = self.integer(field)?.unwrap_or(0);
        Ok(self.bounded(field, number, number.clamp(-MAX_COUNT, MAX_COUNT)))
    }

    fn bounded(&mut self, field: &str, given: i64, bounded: i64) -> i32 {
        if bounded != given {
            self.keep(field);
        }
        // MAX_COUNT fits.
        bounded as i32
    }

    /// True or false, also as 1 or 0, also as text.
    pub(super) fn flag(&self, field: &str, default: bool) -> Result<bool, Reason> {
        match self.value(field) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::Number(number)) if number.as_i64() == Some(0) => Ok(false),
            Some(Value::Number(number)) if number.as_i64() == Some(1) => Ok(true),
            Some(Value::String(text)) => match text.trim() {
                "" => Ok(default),
                "0" | "false" => Ok(false),
                "1" | "true" => Ok(true),
                _ => Err(format!("{field}: neither true nor false")),
            },
            Some(_) => Err(format!("{field}: neither true nor false")),
        }
    }

    pub(super) fn float(&self, field: &str) -> Result<Option<f64>, Reason> {
        let wrong = || format!("{field}: not a number");
        match self.value(field) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64()),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Some(number)),
                _ => Err(wrong()),
            },
            Some(_) => Err(wrong()),
        }
    }

    /// A time, in either of the two forms that the API has: `lastchangetime_iso8601` or `lastchangetime`.
    pub(super) fn time(&self, field: &str) -> Result<Option<DateTime<Utc>>, Reason> {
        for field in [&format!("{field}_iso8601"), field] {
            let text = self.raw_text(field)?.trim();
            if text.is_empty() || text.starts_with("0000-00-00") {
                continue;
            }
            return match parse_time(text) {
                Some(time) => Ok(Some(time)),
                None => Err(format!("{field}: not a time")),
            };
        }
        Ok(None)
    }

    /// An identity; `None` when it is missing, and when it is nothing but zeros.
    pub(super) fn uuid(&self, field: &str) -> Result<Option<Uuid>, Reason> {
        let text = self.raw_text(field)?.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let uuid = Uuid::try_parse(text).map_err(|_| format!("{field}: not a UUID"))?;
        Ok(Some(uuid).filter(|uuid| !uuid.is_nil()))
    }
}

/// Not more than is kept, cut between characters.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ORIGINAL_BYTES)]
}

/// Whole seconds, UTC.
fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let time = match DateTime::parse_from_rfc3339(text) {
        Ok(time) => time.with_timezone(&Utc),
        Err(_) => NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?.and_utc(),
    };
    // Beyond these Postgres's and other clients' calendars part.
    let plausible = (1970..=9999).contains(&chrono::Datelike::year(&time));
    plausible
        .then(|| DateTime::from_timestamp(time.timestamp(), 0))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_the_same_time() {
        let expected = DateTime::from_timestamp(1_733_765_065, 0);
        assert_eq!(parse_time("2024-12-09 17:24:25"), expected);
        assert_eq!(parse_time("2024-12-09T17:24:25Z"), expected);
        assert_eq!(parse_time("2024-12-09T18:24:25.9+01:00"), expected);
        assert_eq!(parse_time("yesterday"), None);
    }
}
