//! Tags, countries, languages, codecs and states, with how many stations each has.

use axum::response::Response;
use catalog::{Category, CategoryCount, CategoryQuery};

use crate::api::ask::Ask;
use crate::api::list::{self, Keep};
use crate::api::record::{Field, Named};
use crate::failure::Failure;

const KEEP: Keep = Keep::Seconds(60);

/// Tags, `{name, stationcount}`.
pub(crate) async fn tags(ask: Ask) -> Result<Response, Failure> {
    answer(&ask, Category::Tag, "tag").await
}

/// Countries, `{name, iso_3166_1, stationcount}`.
pub(crate) async fn countries(ask: Ask) -> Result<Response, Failure> {
    answer(&ask, Category::Country, "country").await
}

/// Country codes, `{name, stationcount}`.
pub(crate) async fn country_codes(ask: Ask) -> Result<Response, Failure> {
    answer(&ask, Category::CountryCode, "countrycode").await
}

/// Languages, `{name, iso_639, stationcount}`.
pub(crate) async fn languages(ask: Ask) -> Result<Response, Failure> {
    answer(&ask, Category::Language, "language").await
}

/// Codecs, `{name, stationcount}`.
pub(crate) async fn codecs(ask: Ask) -> Result<Response, Failure> {
    answer(&ask, Category::Codec, "codec").await
}

/// States of all countries or of one, `{name, country, stationcount}`.
pub(crate) async fn states(ask: Ask) -> Result<Response, Failure> {
    answer(&ask, Category::State, "state").await
}

async fn answer(ask: &Ask, category: Category, element: &'static str) -> Result<Response, Failure> {
    let counts = ask.session.read().category(category, &query(ask)?).await?;
    Ok(list::records(
        ask.format,
        element,
        counts.iter().map(|count| record(category, count)),
        KEEP,
    ))
}

fn query(ask: &Ask) -> Result<CategoryQuery, Failure> {
    let by_count = match ask.params.order().as_deref() {
        None | Some("name") => false,
        Some("stationcount") => true,
        Some(_) => {
            return Err(Failure::parameter(
                "order",
                "is unknown here: name and stationcount are known.",
            ));
        }
    };
    Ok(CategoryQuery {
        filter: ask.path_text("filter")?,
        // Only a path to states has one.
        country: ask.path_text("country")?,
        by_count,
        reverse: ask.params.boolean("reverse")?.unwrap_or(false),
        hide_broken: ask.params.boolean("hidebroken")?.unwrap_or(false),
        offset: ask.params.offset()?,
        limit: ask.params.limit()?,
    })
}

fn record(category: Category, count: &CategoryCount) -> Vec<Named<'_>> {
    let code = count.code.as_deref();
    let mut record = vec![("name", Field::Text(&count.name))];
    match category {
        Category::Country => record.push(("iso_3166_1", Field::Text(code.unwrap_or_default()))),
        Category::Language => record.push(("iso_639", code.map_or(Field::Null, Field::Text))),
        Category::State => record.push(("country", Field::Text(code.unwrap_or_default()))),
        Category::Tag | Category::CountryCode | Category::Codec => {}
    }
    record.push(("stationcount", Field::Whole(count.stations)));
    record
}
