//! Orders of station lists. Directions are as the indexes have them: an unknown time is the lowest.

use crate::Order;

/// What an order sorts by before it sorts by name and identity.
pub(super) struct Key {
    /// Over a row of the table called `s`.
    pub(super) expression: &'static str,
    /// Its type; every value goes through text and back unchanged.
    pub(super) kind: &'static str,
    /// Whether it may be null.
    pub(super) nullable: bool,
}

/// `None` for the two that have no such key: by name, and at random.
pub(super) fn key(order: Order) -> Option<Key> {
    let (expression, kind) = match order {
        Order::Name | Order::Random => return None,
        Order::LastCheckTime => ("s.lastchecktime", "timestamptz"),
        Order::ClickTimestamp => ("s.clicktimestamp", "timestamptz"),
        Order::ChangeTimestamp => ("s.lastchangetime", "timestamptz"),
        Order::Url => ("s.url", "text"),
        Order::Homepage => ("s.homepage", "text"),
        Order::Favicon => ("s.favicon", "text"),
        Order::Tags => ("s.tags", "text"),
        Order::Country => ("lower(s.country)", "text"),
        Order::State => ("lower(s.state)", "text"),
        Order::Language => ("s.language", "text"),
        Order::Votes => ("s.votes", "integer"),
        Order::Codec => ("lower(s.codec)", "text"),
        Order::Bitrate => ("s.bitrate", "integer"),
        Order::LastCheckOk => ("s.lastcheckok", "boolean"),
        Order::ClickCount => ("s.clickcount", "integer"),
        Order::ClickTrend => ("s.clicktrend", "integer"),
    };
    Some(Key {
        expression,
        kind,
        nullable: kind == "timestamptz",
    })
}

/// What follows `order by`.
pub(super) fn order_by(order: Order, reverse: bool) -> String {
    let (direction, nulls) = match reverse {
        false => ("asc", "nulls first"),
        true => ("desc", "nulls last"),
    };
    match (order, key(order)) {
        (Order::Random, _) => "random()".into(),
        // Both parts turn, so that the one index serves both ways.
        (_, None) => format!("s.name_folded {direction}, s.stationuuid {direction}"),
        (_, Some(key)) => {
            let nulls = if key.nullable { nulls } else { "" };
            format!("{} {direction} {nulls}, s.name_folded, s.stationuuid", key.expression)
        }
    }
}
