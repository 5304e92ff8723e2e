//! A station's stream address, which counts as a click.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use catalog::{Click, Station};
use http::Method;

use crate::api::ask::Ask;
use crate::api::list::{self, Keep};
use crate::api::record::Field;
use crate::failure::Failure;
use crate::state::AppState;

/// Counts one click per visitor, station and day. HEAD only looks: a safe
/// method must not count (RFC 9110, 9.2.1), while GET is how clients count.
pub(crate) async fn click(State(state): State<Arc<AppState>>, ask: Ask) -> Result<Response, Failure> {
    let uuid = ask.path_uuid("uuid")?;
    let station = if ask.method == Method::HEAD {
        ask.session.read().station(uuid).await?
    } else {
        let visitor = state.visitor(&ask.caller);
        match state.write(async |write| write.click(uuid, visitor).await).await? {
            Click::Play(station) => Some(*station),
            Click::UnknownStation => None,
        }
    };
    let station = station.ok_or(Failure::UnknownStation(uuid))?;
    Ok(played(&ask, &station))
}

fn played(ask: &Ask, station: &Station) -> Response {
    let url = if station.url_resolved.is_empty() {
        &station.url
    } else {
        &station.url_resolved
    };
    let record = [
        // Whether the last check could play it, as Radio Browser has it.
        ("ok", Field::Bool(station.lastcheckok)),
        ("message", Field::Text("retrieved station url")),
        ("stationuuid", Field::Uuid(station.stationuuid)),
        ("name", Field::Text(&station.name)),
        ("url", Field::Text(url)),
    ];
    list::one(ask.format, "status", &record, Keep::Never)
}
