//! Lists of what stations have in common: tags, countries, languages, codecs.

/// By what stations are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the field of Station of the same name")]
pub enum Category {
    Tag,
    Country,
    CountryCode,
    State,
    Language,
    Codec,
}

/// Which part of a category's list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CategoryQuery {
    /// Only names that contain this, any case.
    pub filter: Option<String>,
    /// Of states only those of this country, by its English name in any case.
    pub country: Option<String>,
    /// Order by station count instead of name.
    pub by_count: bool,
    /// Turn the order round.
    pub reverse: bool,
    /// Leave stations out whose last check failed.
    pub hide_broken: bool,
    /// Skip so many.
    pub offset: u32,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}

/// A name and how many stations bear it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryCount {
    /// The tag, country, language or codec.
    pub name: String,
    /// ISO code of a country (3166-1) or language (639-1); country of a state.
    pub code: Option<String>,
    /// Stations that bear it.
    pub stations: i64,
}

/// Totals of the catalogue. `stations` counts broken ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it; all are counts")]
pub struct Stats {
    pub stations: i64,
    pub stations_broken: i64,
    pub tags: i64,
    pub clicks_last_hour: i64,
    pub clicks_last_day: i64,
    pub languages: i64,
    pub countries: i64,
}
