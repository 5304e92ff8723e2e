//! One station of a source, clean.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::clean;
use super::fields::{Fields, Reason};

const MAX_NAME_CHARS: usize = 400;
const MAX_TEXT_CHARS: usize = 200;

/// What goes into the table, column by column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Where it began in the source.
    pub(super) line: u64,
    pub(super) stationuuid: Uuid,
    pub(super) changeuuid: Uuid,
    pub(super) serveruuid: Option<Uuid>,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) url_resolved: String,
    pub(super) homepage: String,
    pub(super) favicon: String,
    pub(super) tags: String,
    pub(super) country: String,
    pub(super) countrycode: String,
    pub(super) iso_3166_2: Option<String>,
    pub(super) state: String,
    pub(super) language: String,
    pub(super) languagecodes: String,
    pub(super) votes: i32,
    pub(super) lastchangetime: Option<DateTime<Utc>>,
    pub(super) codec: String,
    pub(super) bitrate: i32,
    pub(super) hls: bool,
    pub(super) lastcheckok: bool,
    pub(super) lastchecktime: Option<DateTime<Utc>>,
    pub(super) lastcheckoktime: Option<DateTime<Utc>>,
    pub(super) lastlocalchecktime: Option<DateTime<Utc>>,
    pub(super) clicktimestamp: Option<DateTime<Utc>>,
    pub(super) clickcount: i32,
    pub(super) clicktrend: i32,
    pub(super) ssl_error: bool,
    pub(super) geo_lat: Option<f64>,
    pub(super) geo_long: Option<f64>,
    pub(super) has_extended_info: bool,
    /// JSON of the fields that were cleaned, as they came.
    pub(super) original: Option<String>,
}

impl Row {
    /// About what it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let texts = [
            &self.name,
            &self.url,
            &self.url_resolved,
            &self.homepage,
            &self.favicon,
            &self.tags,
            &self.country,
            &self.countrycode,
            &self.state,
            &self.language,
            &self.languagecodes,
            &self.codec,
        ];
        let optional = [&self.iso_3166_2, &self.original].map(|text| text.as_ref().map_or(0, String::len));
        size_of::<Self>() + texts.map(String::len).iter().sum::<usize>() + optional.iter().sum::<usize>()
    }

    /// Parses one JSON text.
    pub(super) fn parse(line: u64, text: &[u8]) -> Result<Self, Reason> {
        let text =
            std::str::from_utf8(text).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to() + 1))?;
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Self::of(line, Fields::new(object)),
            Ok(_) => Err("not a JSON object".into()),
            Err(error) => Err(format!("not JSON: {error}")),
        }
    }

    fn of(number: u64, mut fields: Fields) -> Result<Self, Reason> {
        let line = |text: &str| clean::line(text, MAX_TEXT_CHARS);
        // An address that is none is worth nothing, but the station is.
        let address = |text: &str| clean::url(text).unwrap_or_default();
        let stationuuid = fields.uuid("stationuuid")?.ok_or("stationuuid: is missing")?;
        let name = |text: &str| match clean::line(text, MAX_NAME_CHARS) {
            name if name.is_empty() => Err("is empty"),
            name => Ok(name),
        };
        let place = Self::place(&mut fields)?;
        let iso_3166_2 = fields.text("iso_3166_2", |text| clean::line(text, 10))?;
        let row = Self {
            line: number,
            stationuuid,
            // Lists that are not from Radio Browser have none: the identity stands in, so that importing the same
            // list again changes nothing.
            changeuuid: fields.uuid("changeuuid")?.unwrap_or(stationuuid),
            serveruuid: fields.uuid("serveruuid")?,
            name: fields.required("name", name)?,
            url: fields.required("url", clean::url)?,
            url_resolved: fields.text("url_resolved", address)?,
            homepage: fields.text("homepage", address)?,
            favicon: fields.text("favicon", address)?,
            tags: fields.text("tags", clean::list)?,
            country: fields.text("country", line)?,
            countrycode: fields.text("countrycode", clean::countrycode)?,
            iso_3166_2: Some(iso_3166_2).filter(|code| !code.is_empty()),
            state: fields.text("state", line)?,
            language: fields.text("language", clean::list)?,
            languagecodes: fields.text("languagecodes", clean::list)?,
            votes: fields.count("votes")?,
            lastchangetime: fields.time("lastchangetime")?,
            codec: fields.text("codec", |text| clean::line(text, 40))?,
            bitrate: Self::bitrate(&mut fields)?,
            hls: fields.flag("hls", false)?,
            // Not checked yet is not broken.
            lastcheckok: fields.flag("lastcheckok", true)?,
            lastchecktime: fields.time("lastchecktime")?,
            lastcheckoktime: fields.time("lastcheckoktime")?,
            lastlocalchecktime: fields.time("lastlocalchecktime")?,
            clicktimestamp: fields.time("clicktimestamp")?,
            clickcount: fields.count("clickcount")?,
            clicktrend: fields.difference("clicktrend")?,
            ssl_error: fields.flag("ssl_error", false)?,
            geo_lat: place.map(|(latitude, _)| latitude),
            geo_long: place.map(|(_, longitude)| longitude),
            has_extended_info: fields.flag("has_extended_info", false)?,
            original: None,
        };
        let original = fields.into_original();
        Ok(Self { original, ..row })
    }

    fn bitrate(fields: &mut Fields) -> Result<i32, Reason> {
        let given = fields.integer("bitrate")?.unwrap_or(0);
        let rate = clean::bitrate(given);
        if i64::from(rate) != given {
            fields.keep("bitrate");
        }
        Ok(rate)
    }

    fn place(fields: &mut Fields) -> Result<Option<(f64, f64)>, Reason> {
        let (latitude, longitude) = (fields.float("geo_lat")?, fields.float("geo_long")?);
        let place = clean::place(latitude, longitude);
        if place.is_none() && (latitude.is_some() || longitude.is_some()) {
            fields.keep("geo_lat");
            fields.keep("geo_long");
        }
        Ok(place)
    }
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
