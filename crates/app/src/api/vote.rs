//! A vote for a station.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use catalog::VoteOutcome;
use http::{HeaderMap, Method};

use crate::api::ask::Ask;
use crate::api::idempotency;
use crate::api::list::{self, Keep};
use crate::api::planted;
use crate::api::record::Field;
use crate::failure::Failure;
use crate::state::AppState;

/// One vote per visitor, station and 24 hours. A refused one is 200 with
/// `ok: false`, which is what clients look at. HEAD does not vote.
pub(crate) async fn vote(
    State(state): State<Arc<AppState>>,
    headers: HeaderMap,
    ask: Ask,
) -> Result<Response, Failure> {
    planted::check(&headers)?;
    let uuid = ask.path_uuid("uuid")?;
    if ask.method == Method::HEAD {
        let station = ask.session.read().station(uuid).await?;
        return station
            .map(|_| outcome(&ask, true, "a HEAD request does not vote"))
            .ok_or(Failure::UnknownStation(uuid));
    }
    let visitor = state.visitor(&ask.caller);
    let write = match idempotency::key(&headers, visitor, "vote", uuid, ask.format)? {
        Some(key) => state.write().named(key),
        None => state.write(),
    };
    let written = write.vote(uuid, visitor).await?;
    ask.session.wrote(written.position);
    match written.value {
        VoteOutcome::Counted { .. } => Ok(outcome(&ask, true, "voted for station successfully")),
        VoteOutcome::TooSoon => Ok(outcome(
            &ask,
            false,
            "you have voted for this station within the last 24 hours",
        )),
        VoteOutcome::UnknownStation => Err(Failure::UnknownStation(uuid)),
    }
}

fn outcome(ask: &Ask, ok: bool, message: &str) -> Response {
    let record = [("ok", Field::Bool(ok)), ("message", Field::Text(message))];
    list::one(ask.format, "status", &record, Keep::Never)
}
