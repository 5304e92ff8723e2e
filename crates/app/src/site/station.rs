//! A station's own page, and the two things a listener does there: vote, and
//! play, which counts as a click.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use catalog::{Order, Read, Station, StationQuery, TextMatch, VoteOutcome};
use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode};
use uuid::Uuid;

use crate::consistency::Session;
use crate::failure::Failure;
use crate::site::card::{self, Card};
use crate::site::page::{self, Page};
use crate::site::{country, cross_site, link, query};
use crate::state::{AppState, Caller};

const SIMILAR: usize = 8;

#[derive(Template)]
#[template(path = "station.html")]
struct StationPage {
    page: Page,
    card: Card,
    notice: &'static str,
    tags: Vec<(String, String)>,
    languages: Vec<(String, String)>,
    country_link: String,
    country: String,
    state: String,
    homepage: Option<Homepage>,
    clicks: String,
    checked: Option<Moment>,
    changed: Option<Moment>,
    similar: Vec<Card>,
}

struct Homepage {
    url: String,
    host: String,
}

/// A time, for machines and for people.
struct Moment {
    iso8601: String,
    text: String,
}

/// The page.
pub(crate) async fn station(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let uuid = read_id(&id)?;
    let read = session.read();
    let station = read.station(uuid).await?.ok_or(Failure::UnknownStation(uuid))?;
    let similar = similar(read, &station).await;
    let links = |key: &str, list: &str| {
        card::comma_list(list)
            .map(|name| (name.to_owned(), link::search(&[(key, name)])))
            .collect()
    };
    page::render(&StationPage {
        page: Page::new(&state, &caller, "station", station.name.clone()),
        card: Card::new(&station, 0),
        notice: notice(raw.as_deref().unwrap_or_default()),
        tags: links("tag", &station.tags),
        languages: links("language", &station.language),
        country_link: link::search(&[("country", &station.country)]),
        homepage: link::web(&station.homepage).map(|url| Homepage {
            url: url.to_owned(),
            host: link::host(url).to_owned(),
        }),
        clicks: card::grouped(i64::from(station.clickcount)),
        checked: station.lastchecktime.map(moment),
        changed: station.lastchangetime.map(moment),
        similar,
        country: country::short(&station.country).to_owned(),
        state: station.state,
    })
}

/// Counts a vote and shows the page again.
pub(crate) async fn vote(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    cross_site::check(&headers, &caller)?;
    let uuid = read_id(&id)?;
    let visitor = state.visitor(&caller);
    let written = state.write().vote(uuid, visitor).await?;
    session.wrote(written.position);
    let outcome = match written.value {
        VoteOutcome::Counted { .. } => "counted",
        VoteOutcome::TooSoon => "again",
        VoteOutcome::UnknownStation => return Err(Failure::UnknownStation(uuid)),
    };
    Ok(Redirect::to(&format!("/station/{uuid}?vote={outcome}#vote")).into_response())
}

/// Counts that somebody plays it; the player asks for it in passing.
pub(crate) async fn click(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    cross_site::check(&headers, &caller)?;
    let uuid = read_id(&id)?;
    let station = session.read().station(uuid).await?;
    station.ok_or(Failure::UnknownStation(uuid))?;
    state.clicks.add(uuid, state.visitor(&caller));
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Stations with the same first tag in the same country, filled up from the tag
/// or the country alone. A page without them is better than none, so failures
/// here only leave it out.
async fn similar(read: &Read, station: &Station) -> Vec<Card> {
    let tag = card::comma_list(&station.tags).next();
    let country = Some(station.country.as_str()).filter(|country| !country.is_empty());
    let mut wanted = vec![(tag, country)];
    if tag.is_some() && country.is_some() {
        wanted.push((tag, None));
    }
    let mut found: Vec<Station> = Vec::new();
    for (tag, country) in wanted {
        if found.len() >= SIMILAR || (tag.is_none() && country.is_none()) {
            break;
        }
        let query = StationQuery {
            tags: tag.map(|tag| TextMatch::Exact(tag.to_owned())).into_iter().collect(),
            country: country.map(|country| TextMatch::Exact(country.to_owned())),
            hide_broken: true,
            order: Order::Votes,
            reverse: true,
            limit: Some(SIMILAR as u32 + 1),
            ..StationQuery::default()
        };
        for other in query::stations(read, &query).await.unwrap_or_default() {
            let new = other.stationuuid != station.stationuuid
                && !found.iter().any(|known| known.stationuuid == other.stationuuid);
            if new && found.len() < SIMILAR {
                found.push(other);
            }
        }
    }
    found.iter().map(|station| Card::new(station, 2)).collect()
}

fn read_id(id: &str) -> Result<Uuid, Failure> {
    Uuid::try_parse(id)
        .map_err(|_| Failure::BadRequest("A station's address ends with its id, a UUID; this one does not.".into()))
}

fn notice(raw: &str) -> &'static str {
    match form_urlencoded::parse(raw.as_bytes()).find(|(key, _)| key == "vote") {
        Some((_, value)) if value == "counted" => "Thank you, your vote counts.",
        Some((_, value)) if value == "again" => "You voted for this station within the last 24 hours.",
        _ => "",
    }
}

fn moment(time: DateTime<Utc>) -> Moment {
    Moment {
        iso8601: time.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        text: time.format("%-d %B %Y, %H:%M UTC").to_string(),
    }
}
