//! Parameters of a station list, as a query of the catalogue.

use catalog::{Order, StationQuery, TextMatch};

use crate::api::params::Params;
use crate::failure::Failure;

/// What every list of stations takes: order, reverse, offset, limit, hidebroken.
pub(crate) fn list(params: &Params) -> Result<StationQuery, Failure> {
    Ok(StationQuery {
        order: params.order().map_or(Order::Name, |name| order(&name)),
        reverse: params.boolean("reverse")?.unwrap_or(false),
        offset: params.offset()?,
        limit: params.limit()?,
        hide_broken: params.boolean("hidebroken")?.unwrap_or(false),
        ..StationQuery::default()
    })
}

/// What a search takes beyond it.
pub(crate) fn search(params: &Params) -> Result<StationQuery, Failure> {
    let mut query = list(params)?;
    query.name = text(params, "name", "nameExact")?;
    query.country = text(params, "country", "countryExact")?;
    query.countrycode = params.text("countrycode")?;
    query.state = text(params, "state", "stateExact")?;
    query.language = text(params, "language", "languageExact")?;
    query.tags.extend(text(params, "tag", "tagExact")?);
    if let Some(list) = params.text("tagList")? {
        let tags = list.split(',').map(str::trim).filter(|tag| !tag.is_empty());
        query.tags.extend(tags.map(|tag| TextMatch::Exact(tag.to_owned())));
    }
    query.codec = params.text("codec")?.map(TextMatch::Exact);
    query.bitrate_min = bitrate(params, "bitrateMin")?.filter(|low| *low > 0);
    query.bitrate_max = bitrate(params, "bitrateMax")?.filter(|high| *high < 1_000_000);
    query.has_geo_info = params.boolean("has_geo_info")?;
    query.is_https = params.boolean("is_https")?;
    query.has_extended_info = params.boolean("has_extended_info")?;
    Ok(query)
}

fn text(params: &Params, name: &str, exact: &str) -> Result<Option<TextMatch>, Failure> {
    let exact = params.boolean(exact)?.unwrap_or(false);
    Ok(params.text(name)?.map(|text| {
        if exact {
            TextMatch::Exact(text)
        } else {
            TextMatch::Contains(text)
        }
    }))
}

fn bitrate(params: &Params, name: &str) -> Result<Option<i32>, Failure> {
    let number = params.number(name)?;
    Ok(number.map(|n| i32::try_from(n).unwrap_or(if n < 0 { 0 } else { i32::MAX })))
}

/// An order by its plain name. An unknown one is by name, as Radio Browser has
/// it: clients rely on it when they send orders of newer versions.
fn order(name: &str) -> Order {
    match name {
        "url" => Order::Url,
        "homepage" => Order::Homepage,
        "favicon" => Order::Favicon,
        "tags" => Order::Tags,
        "country" => Order::Country,
        "state" => Order::State,
        "language" => Order::Language,
        "votes" => Order::Votes,
        "codec" => Order::Codec,
        "bitrate" => Order::Bitrate,
        "lastcheckok" => Order::LastCheckOk,
        "lastchecktime" => Order::LastCheckTime,
        "clicktimestamp" => Order::ClickTimestamp,
        "clickcount" => Order::ClickCount,
        "clicktrend" => Order::ClickTrend,
        "changetimestamp" => Order::ChangeTimestamp,
        "random" => Order::Random,
        _ => Order::Name,
    }
}
