//! What to look for and in which order.

use uuid::Uuid;

/// How a text is compared. Name search ignores case and accents, the others
/// ignore case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextMatch {
    /// Anywhere within; `%` and `_` are literals.
    Contains(String),
    /// The whole; for tags and languages: a member of the comma list.
    Exact(String),
}

/// Which stations, in which order, which part of the result. The default is
/// every station by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StationQuery {
    /// By name.
    pub name: Option<TextMatch>,
    /// By the country's English name.
    pub country: Option<TextMatch>,
    /// By ISO 3166-1 code, any case.
    pub countrycode: Option<String>,
    /// By state or region.
    pub state: Option<TextMatch>,
    /// By language.
    pub language: Option<TextMatch>,
    /// By tags: every one must match.
    pub tags: Vec<TextMatch>,
    /// By codec, any case.
    pub codec: Option<TextMatch>,
    /// Only these stations.
    pub uuids: Option<Vec<Uuid>>,
    /// Only with this stream URL.
    pub url: Option<String>,
    /// Lowest bit rate, kbit/s.
    pub bitrate_min: Option<i32>,
    /// Highest bit rate, kbit/s.
    pub bitrate_max: Option<i32>,
    /// Only (true) or never (false) https streams.
    pub is_https: Option<bool>,
    /// Only with (true) or without (false) coordinates.
    pub has_geo_info: Option<bool>,
    /// Only with (true) or without (false) extended information.
    pub has_extended_info: Option<bool>,
    /// Leave out stations whose last check failed.
    pub hide_broken: bool,
    /// Only stations whose last check failed.
    pub only_broken: bool,
    /// Order of the result.
    pub order: Order,
    /// Turn the order round.
    pub reverse: bool,
    /// Skip so many, 0 or more.
    pub offset: u32,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}

/// Orders of a station list. Ties are broken by name, then identity, so that
/// paging is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[allow(missing_docs, reason = "each is the field of Station of the same name")]
pub enum Order {
    #[default]
    Name,
    Url,
    Homepage,
    Favicon,
    Tags,
    Country,
    State,
    Language,
    Votes,
    Codec,
    Bitrate,
    LastCheckOk,
    LastCheckTime,
    ClickTimestamp,
    ClickCount,
    ClickTrend,
    ChangeTimestamp,
    /// A new order each time.
    Random,
}
