//! The first page: something to hear in one tap.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use catalog::{CategoryCount, Order, StationQuery};

use crate::consistency::Session;
use crate::failure::Failure;
use crate::site::card::{self, Card};
use crate::site::page::{self, Page};
use crate::site::{country, link, query};
use crate::state::{AppState, Caller};

const PRESETS: u32 = 12;
const LISTED: u32 = 8;
const DIAL: usize = 14;
/// Large tags that tell nothing of how a station sounds.
const NO_GENRES: [&str; 9] = [
    "am",
    "entretenimiento",
    "estación",
    "fm",
    "internet radio",
    "music",
    "música",
    "radio",
    "station",
];
const GENRES: usize = 24;
const COUNTRIES: usize = 24;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    page: Page,
    dial: Vec<Mark>,
    popular: Vec<Card>,
    loved: Vec<Card>,
    trending: Vec<Card>,
    genres: Vec<Dive>,
    countries: Vec<Dive>,
}

/// A genre on the tuning dial.
struct Mark {
    name: String,
    link: String,
    /// The frequency printed above it.
    megahertz: String,
}

/// A name to dive into.
struct Dive {
    name: String,
    link: String,
    stations: String,
}

/// The page.
pub(crate) async fn home(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(session): Extension<Session>,
) -> Result<Response, Failure> {
    let read = session.read();
    let (popular, loved, trending) = (
        top(Order::ClickCount, PRESETS),
        top(Order::Votes, LISTED),
        top(Order::ClickTrend, LISTED),
    );
    let (popular, loved, trending, facets) = tokio::try_join!(
        query::stations(read, &popular),
        query::stations(read, &loved),
        query::stations(read, &trending),
        state.facets.get(read),
    )?;
    let cards = |stations: Vec<catalog::Station>, tags| stations.iter().map(|s| Card::new(s, tags)).collect();
    page::render(&Home {
        page: Page::new(&state, &caller, "home", ""),
        dial: dial(&facets.tags),
        popular: cards(popular, 0),
        loved: cards(loved, 2),
        // Without clicks nothing trends: the votes already say what is liked.
        trending: if trending.iter().any(|s| s.clicktrend > 0) {
            cards(trending, 2)
        } else {
            Vec::new()
        },
        genres: dives("tag", &facets.tags, GENRES, |name| name),
        countries: dives("country", &facets.countries, COUNTRIES, country::short),
    })
}

fn top(order: Order, limit: u32) -> StationQuery {
    StationQuery {
        order,
        reverse: true,
        hide_broken: true,
        limit: Some(limit),
        ..StationQuery::default()
    }
}

fn dives(key: &str, counts: &[CategoryCount], most: usize, shown: fn(&str) -> &str) -> Vec<Dive> {
    counts
        .iter()
        .take(most)
        .map(|count| Dive {
            name: shown(&count.name).to_owned(),
            link: link::search(&[(key, &count.name)]),
            stations: card::grouped(count.stations),
        })
        .collect()
}

/// Genres in alphabetical order from 88 to 107 MHz, as if each had its place.
fn dial(tags: &[CategoryCount]) -> Vec<Mark> {
    let names = tags.iter().map(|tag| tag.name.as_str());
    let mut names: Vec<&str> = names.filter(|name| !NO_GENRES.contains(name)).take(DIAL).collect();
    names.sort_unstable();
    let last = names.len().saturating_sub(1).max(1);
    names
        .iter()
        .enumerate()
        .map(|(index, name)| Mark {
            name: (*name).to_owned(),
            link: link::search(&[("tag", name)]),
            megahertz: format!("{:.1}", 88.0 + 19.0 * index as f64 / last as f64),
        })
        .collect()
}
