//! Totals of the catalogue.

use axum::response::Response;

use crate::api::ask::Ask;
use crate::api::list::{self, Keep};
use crate::api::record::Field;
use crate::failure::Failure;

/// `stations` counts those whose last check was fine.
pub(crate) async fn stats(ask: Ask) -> Result<Response, Failure> {
    let stats = ask.session.read().stats().await?;
    let record = [
        ("supported_version", Field::Whole(1)),
        ("software_version", Field::Text(env!("CARGO_PKG_VERSION"))),
        ("status", Field::Text("OK")),
        ("stations", Field::Whole(stats.stations - stats.stations_broken)),
        ("stations_broken", Field::Whole(stats.stations_broken)),
        ("tags", Field::Whole(stats.tags)),
        ("clicks_last_hour", Field::Whole(stats.clicks_last_hour)),
        ("clicks_last_day", Field::Whole(stats.clicks_last_day)),
        ("languages", Field::Whole(stats.languages)),
        ("countries", Field::Whole(stats.countries)),
    ];
    Ok(list::one(ask.format, "stats", &record, Keep::Seconds(10)))
}
