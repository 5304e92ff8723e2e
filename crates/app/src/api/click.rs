//! A station's stream address, which counts as a click.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use catalog::{Click, Stream};
use http::{HeaderMap, Method};
use uuid::Uuid;

use crate::api::ask::Ask;
use crate::api::idempotency;
use crate::api::list::{self, Keep};
use crate::api::record::Field;
use crate::failure::Failure;
use crate::state::AppState;

/// Counts one click per visitor, station and day. HEAD only looks: a safe
/// method must not count (RFC 9110, 9.2.1), while GET is how clients count.
///
/// A stream must start whether or not a primary is there, so the address comes
/// from any node and the click is written a moment later. A client that named
/// its click wants to know that it counted, and waits for that.
pub(crate) async fn click(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
    ask: Ask,
) -> Result<Response, Failure> {
    let uuid = ask.path_uuid("uuid")?;
    let visitor = state.visitor(&ask.caller);
    let key = match ask.method {
        Method::HEAD => None,
        _ => idempotency::key(&headers, visitor, "click", uuid, ask.format)?,
    };
    let stream = match key {
        Some(key) => {
            let written = state.write().named(key).click(uuid, visitor).await?;
            ask.session.wrote(written.position);
            match written.value {
                Click::Play(stream) => Some(stream),
                Click::UnknownStation => None,
            }
        }
        None => look(&ask, uuid).await?,
    };
    let stream = stream.ok_or(Failure::UnknownStation(uuid))?;
    if key.is_none() && ask.method != Method::HEAD {
        state.clicks.add(uuid, visitor);
    }
    Ok(played(&ask, &stream))
}

async fn look(ask: &Ask, uuid: Uuid) -> Result<Option<Stream>, Failure> {
    Ok(ask.session.read().station(uuid).await?.map(Stream::from))
}

fn played(ask: &Ask, stream: &Stream) -> Response {
    let record = [
        // Whether the last check could play it, as Radio Browser has it.
        ("ok", Field::Bool(stream.lastcheckok)),
        ("message", Field::Text("retrieved station url")),
        ("stationuuid", Field::Uuid(stream.stationuuid)),
        ("name", Field::Text(&stream.name)),
        ("url", Field::Text(&stream.url)),
    ];
    list::one(ask.format, "status", &record, Keep::Never)
}
