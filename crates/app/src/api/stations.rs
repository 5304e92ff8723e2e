//! Lists of stations.

use axum::response::Response;
use catalog::{Order, StationQuery, TextMatch};

use crate::api::ask::Ask;
use crate::api::filters;
use crate::api::list::{self, Keep};
use crate::api::values;
use crate::failure::Failure;

const KEEP: Keep = Keep::Seconds(10);

/// A list by one thing that stations have in common.
pub(crate) struct By {
    /// The part of the path after `/stations/`.
    pub(crate) path: &'static str,
    narrow: fn(&mut StationQuery, String),
}

/// Every such list. An empty term filters nothing.
pub(crate) static BY: [By; 13] = [
    narrowed("byname", |q, term| q.name = Some(TextMatch::Contains(term))),
    narrowed("bynameexact", |q, term| q.name = Some(TextMatch::Exact(term))),
    narrowed("bycodec", |q, term| q.codec = Some(TextMatch::Contains(term))),
    narrowed("bycodecexact", |q, term| q.codec = Some(TextMatch::Exact(term))),
    narrowed("bycountry", |q, term| q.country = Some(TextMatch::Contains(term))),
    narrowed("bycountryexact", |q, term| q.country = Some(TextMatch::Exact(term))),
    narrowed("bycountrycodeexact", |q, term| q.countrycode = Some(term)),
    narrowed("bystate", |q, term| q.state = Some(TextMatch::Contains(term))),
    narrowed("bystateexact", |q, term| q.state = Some(TextMatch::Exact(term))),
    narrowed("bylanguage", |q, term| q.language = Some(TextMatch::Contains(term))),
    narrowed("bylanguageexact", |q, term| q.language = Some(TextMatch::Exact(term))),
    narrowed("bytag", |q, term| q.tags = vec![TextMatch::Contains(term)]),
    narrowed("bytagexact", |q, term| q.tags = vec![TextMatch::Exact(term)]),
];

const fn narrowed(path: &'static str, narrow: fn(&mut StationQuery, String)) -> By {
    By { path, narrow }
}

/// A list of the first ones by some order.
pub(crate) struct Top {
    /// The part of the path after `/stations/`.
    pub(crate) path: &'static str,
    /// Largest or latest first.
    order: Order,
    /// Only those whose last check failed.
    broken: bool,
}

/// Every such list.
pub(crate) static TOP: [Top; 5] = [
    top_by("topclick", Order::ClickCount),
    top_by("topvote", Order::Votes),
    top_by("lastclick", Order::ClickTimestamp),
    top_by("lastchange", Order::ChangeTimestamp),
    Top {
        path: "broken",
        order: Order::LastCheckTime,
        broken: true,
    },
];

const fn top_by(path: &'static str, order: Order) -> Top {
    Top {
        path,
        order,
        broken: false,
    }
}

/// Every station.
pub(crate) async fn all(ask: Ask) -> Result<Response, Failure> {
    let query = filters::list(&ask.params)?;
    answer(&ask, query).await
}

/// By any number of parameters.
pub(crate) async fn search(ask: Ask) -> Result<Response, Failure> {
    let query = filters::search(&ask.params)?;
    answer(&ask, query).await
}

/// By one thing that is in the path.
pub(crate) async fn by(kind: &'static By, ask: Ask) -> Result<Response, Failure> {
    let mut query = filters::list(&ask.params)?;
    if let Some(term) = ask.path_text("term")? {
        (kind.narrow)(&mut query, term);
    }
    answer(&ask, query).await
}

/// Stations by their ids, in the path or in the parameter `uuids`; a list that
/// is empty when there are none.
pub(crate) async fn by_uuid(ask: Ask) -> Result<Response, Failure> {
    let mut query = filters::list(&ask.params)?;
    let uuids = match ask.path_uuids("term", "stationuuid")? {
        Some(uuids) => Some(uuids),
        None => ask.params.uuids("uuids")?,
    };
    query.uuids = Some(uuids.unwrap_or_default());
    answer(&ask, query).await
}

/// Stations by their exact stream URL.
pub(crate) async fn by_url(ask: Ask) -> Result<Response, Failure> {
    let mut query = filters::list(&ask.params)?;
    let url = ask.params.url("url")?;
    query.url = Some(url.ok_or_else(|| Failure::parameter("url", "is missing."))?);
    answer(&ask, query).await
}

/// The first ones by an order.
pub(crate) async fn top(kind: &'static Top, ask: Ask) -> Result<Response, Failure> {
    let mut query = filters::list(&ask.params)?;
    query.order = kind.order;
    query.reverse = true;
    if let Some(count) = ask.path_text("count")? {
        query.limit = u32::try_from(values::number("count", &count)?).ok();
    }
    query.only_broken = kind.broken;
    answer(&ask, query).await
}

async fn answer(ask: &Ask, query: StationQuery) -> Result<Response, Failure> {
    let keep = if query.order == Order::Random {
        Keep::Never
    } else {
        KEEP
    };
    if query.limit == Some(0) || query.uuids.as_ref().is_some_and(Vec::is_empty) {
        return Ok(list::records::<[&[_]; 0]>(ask.format, "station", [], keep));
    }
    let batches = ask.session.read().stations(&query).await?;
    list::stations(ask.format, &ask.method, batches, keep).await
}
