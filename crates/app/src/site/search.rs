//! Search: by name, narrowed by country, language and tag, page by page.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use catalog::{Order, StationQuery, TextMatch};

use crate::consistency::Session;
use crate::failure::Failure;
use crate::site::card::{self, Card};
use crate::site::facets::Lists;
use crate::site::page::{self, Page};
use crate::site::{country, link, query};
use crate::state::{AppState, Caller};

const PER_PAGE: u32 = 24;
/// Nobody turns more pages; deeper offsets cost the database much.
const MAX_PAGE: u32 = 400;
const MAX_TERM_CHARS: usize = 400;
/// What the form sends.
const KEYS: [&str; 5] = ["q", "country", "language", "tag", "page"];

/// What the form holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    q: String,
    country: String,
    language: String,
    tag: String,
    /// From 1.
    page: u32,
}

#[derive(Template)]
#[template(path = "search.html")]
struct Results {
    page: Page,
    asked: Asked,
    count: i64,
    cards: Vec<Card>,
    countries: Vec<Choice>,
    languages: Vec<Choice>,
    /// What narrows the result, each with the link that takes it away.
    narrowed: Vec<(String, String)>,
    count_text: String,
    previous: Option<String>,
    next: Option<String>,
    last_page: u32,
    /// Genres to try instead, when nothing was found.
    ideas: Vec<(String, String)>,
}

/// An entry of a menu.
struct Choice {
    name: String,
    shown: String,
    stations: Option<String>,
    chosen: bool,
}

/// The page.
pub(crate) async fn search(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(session): Extension<Session>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let asked = Asked::read(raw.as_deref().unwrap_or_default())?;
    let found = asked.query();
    let read = session.read();
    let (count, stations, facets) = tokio::try_join!(
        read.count(&found),
        query::stations(read, &found),
        state.facets.get(read),
    )?;
    let last_page = u32::try_from(count)
        .map_or(MAX_PAGE, |count| count.max(1).div_ceil(PER_PAGE))
        .min(MAX_PAGE);
    let mut page = Page::new(&state, &caller, "search", asked.title());
    page.search.clone_from(&asked.q);
    page::render(&Results {
        page,
        count,
        count_text: card::grouped(count),
        cards: stations.iter().map(|station| Card::new(station, 3)).collect(),
        countries: choices(facets.countries.iter(), &asked.country),
        languages: choices(facets.languages.iter(), &asked.language),
        narrowed: asked.narrowed(),
        previous: (asked.page > 1).then(|| asked.link(asked.page.min(last_page + 1) - 1)),
        next: (asked.page < last_page).then(|| asked.link(asked.page + 1)),
        last_page,
        ideas: if count == 0 { ideas(&facets) } else { Vec::new() },
        asked,
    })
}

impl Asked {
    fn read(raw: &str) -> Result<Self, Failure> {
        let mut asked = Self {
            page: 1,
            ..Self::default()
        };
        for (key, value) in form_urlencoded::parse(raw.as_bytes()) {
            // Keys that others put into links are theirs, whatever they hold.
            if !KEYS.contains(&&*key) {
                continue;
            }
            if value.chars().nth(MAX_TERM_CHARS).is_some() {
                return Err(Failure::parameter(
                    key,
                    format!("is longer than {MAX_TERM_CHARS} characters."),
                ));
            }
            if value.contains('\0') {
                return Err(Failure::parameter(key, "holds a NUL character."));
            }
            let value = value.trim();
            match &*key {
                "q" => asked.q = value.to_owned(),
                "country" => asked.country = value.to_owned(),
                "language" => asked.language = value.to_owned(),
                "tag" => asked.tag = value.to_lowercase(),
                "page" if value.is_empty() => asked.page = 1,
                "page" => {
                    asked.page = value
                        .parse()
                        .ok()
                        .filter(|page| (1..=MAX_PAGE).contains(page))
                        .ok_or_else(|| Failure::parameter("page", format!("must be a number from 1 to {MAX_PAGE}.")))?;
                }
                _ => {}
            }
        }
        Ok(asked)
    }

    fn query(&self) -> StationQuery {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        StationQuery {
            name: some(&self.q).map(TextMatch::Contains),
            country: some(&self.country).map(TextMatch::Exact),
            language: some(&self.language).map(TextMatch::Exact),
            tags: some(&self.tag).map(TextMatch::Exact).into_iter().collect(),
            order: Order::ClickCount,
            reverse: true,
            hide_broken: true,
            offset: (self.page - 1) * PER_PAGE,
            limit: Some(PER_PAGE),
            ..StationQuery::default()
        }
    }

    fn title(&self) -> String {
        let parts = [&self.q, &self.tag, country::short(&self.country), &self.language];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            "All stations".into()
        } else {
            parts.join(", ")
        }
    }

    fn link(&self, page: u32) -> String {
        let number = if page > 1 { page.to_string() } else { String::new() };
        link::search(&[
            ("q", &self.q),
            ("country", &self.country),
            ("language", &self.language),
            ("tag", &self.tag),
            ("page", &number),
        ])
    }

    fn narrowed(&self) -> Vec<(String, String)> {
        let all = [
            ("q", &self.q),
            ("country", &self.country),
            ("language", &self.language),
            ("tag", &self.tag),
        ];
        all.iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| {
                let shown = if *key == "country" {
                    country::short(value)
                } else {
                    value
                };
                let others: Vec<(&str, &str)> = all
                    .iter()
                    .filter(|(other, _)| other != key)
                    .map(|(key, value)| (*key, value.as_str()))
                    .collect();
                (shown.to_owned(), link::search(&others))
            })
            .collect()
    }
}

/// A menu's entries by name; the chosen one is always among them.
fn choices<'a>(counts: impl Iterator<Item = &'a catalog::CategoryCount>, chosen: &str) -> Vec<Choice> {
    let mut choices: Vec<Choice> = counts
        .map(|count| Choice {
            chosen: !chosen.is_empty() && count.name.to_lowercase() == chosen.to_lowercase(),
            name: count.name.clone(),
            shown: country::short(&count.name).to_owned(),
            stations: Some(card::grouped(count.stations)),
        })
        .collect();
    if !chosen.is_empty() && !choices.iter().any(|choice| choice.chosen) {
        choices.push(Choice {
            name: chosen.to_owned(),
            shown: country::short(chosen).to_owned(),
            stations: None,
            chosen: true,
        });
    }
    choices.sort_by_cached_key(|choice| choice.shown.to_lowercase());
    choices
}

fn ideas(facets: &Lists) -> Vec<(String, String)> {
    let tags = facets.tags.iter().take(8);
    tags.map(|tag| (tag.name.clone(), link::search(&[("tag", &tag.name)])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_read_and_leads_back_to_itself() {
        let asked = Asked::read("q=+jazz%26&tag=Smooth&page=2&unknown=x").expect("read");
        assert_eq!(
            (asked.q.as_str(), asked.tag.as_str(), asked.page),
            ("jazz&", "smooth", 2)
        );
        assert_eq!(asked.query().offset, 24);
        assert_eq!(asked.link(1), "/search?q=jazz%26&tag=smooth");
        assert_eq!(
            asked.narrowed()[0],
            ("jazz&".to_owned(), "/search?tag=smooth".to_owned())
        );
    }

    #[test]
    fn what_others_put_into_a_link_does_not_matter() {
        let asked = Asked::read(&format!("utm={}&x=%00&page=&q=jazz", "x".repeat(20_000))).expect("read");
        assert_eq!((asked.q.as_str(), asked.page), ("jazz", 1));
    }

    #[test]
    fn what_cannot_be_searched_for_names_its_field() {
        for (raw, expected) in [
            (format!("q={}", "x".repeat(20_000)), "q"),
            ("page=abc".into(), "page"),
            ("page=0".into(), "page"),
            ("page=99999".into(), "page"),
            ("tag=a%00".into(), "tag"),
        ] {
            let failure = Asked::read(&raw).expect_err("refused");
            assert_eq!(failure.field(), Some(expected));
        }
    }
}
