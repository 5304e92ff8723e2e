//! A station as the catalogue knows it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// One radio station. Text is trimmed and never null; lists are comma lists as
/// the Radio Browser API has them. Times are UTC, whole seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// Identity of the station, never changes.
    pub stationuuid: Uuid,
    /// Identity of its last change.
    pub changeuuid: Uuid,
    /// Server that checked it last, if known.
    pub serveruuid: Option<Uuid>,
    /// Name, 1 to 400 characters.
    pub name: String,
    /// Stream URL as submitted, http or https.
    pub url: String,
    /// Stream URL after redirects and playlists; may be empty.
    pub url_resolved: String,
    /// Home page; may be empty.
    pub homepage: String,
    /// Picture; may be empty.
    pub favicon: String,
    /// Tags, lower case, comma list.
    pub tags: String,
    /// Country by its English name.
    pub country: String,
    /// ISO 3166-1 alpha-2, upper case; may be empty.
    pub countrycode: String,
    /// ISO 3166-2 code, if known.
    pub iso_3166_2: Option<String>,
    /// State or region; may be empty.
    pub state: String,
    /// Languages by name, lower case, comma list.
    pub language: String,
    /// Languages by ISO 639 code, comma list.
    pub languagecodes: String,
    /// Votes, never negative.
    pub votes: i32,
    /// Last change of the record.
    pub lastchangetime: Option<DateTime<Utc>>,
    /// Codec, such as `MP3`; may be empty.
    pub codec: String,
    /// Bit rate, kbit/s; 0 when unknown.
    pub bitrate: i32,
    /// Whether the stream is HLS.
    pub hls: bool,
    /// Whether the last check could play it.
    pub lastcheckok: bool,
    /// Last check anywhere.
    pub lastchecktime: Option<DateTime<Utc>>,
    /// Last check that could play it.
    pub lastcheckoktime: Option<DateTime<Utc>>,
    /// Last check by this server.
    pub lastlocalchecktime: Option<DateTime<Utc>>,
    /// Last time somebody started it.
    pub clicktimestamp: Option<DateTime<Utc>>,
    /// Clicks within the last day.
    pub clickcount: i32,
    /// Clicks of the last day less those of the day before.
    pub clicktrend: i32,
    /// Whether its certificate fails.
    pub ssl_error: bool,
    /// Latitude, degrees; there with longitude or not at all.
    pub geo_lat: Option<f64>,
    /// Longitude, degrees.
    pub geo_long: Option<f64>,
    /// Whether the owner provides extended information.
    pub has_extended_info: bool,
}
