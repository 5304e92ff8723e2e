//! Long lists, page by page. Each page is a query of its own that goes on behind the last row of the page before, so that
//! any node can answer it and nothing is held in between.
//!
//! A station that moves in the order while the list is read may come twice or not at all; one that stays where it is
//! comes once.

use std::hash::{BuildHasher, Hasher, RandomState};

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::order::{Key, key, order_by};
use super::stations::{Builder, conditions};
use super::{COLUMNS, statement, station};
use crate::pool::Statement;
use crate::{Error, Order, Station, StationQuery};

/// The row behind which a page begins.
struct Place {
    /// The order's key as text.
    key: Option<String>,
    name_folded: String,
    stationuuid: Uuid,
}

/// A list, and how far it has been read.
pub(crate) struct Pages {
    query: StationQuery,
    /// Rows that may still come.
    left: Option<u32>,
    after: Option<Place>,
    page_rows: u32,
    /// Settles a random order, so that it is the same for every page and on every node.
    seed: i64,
}

impl Pages {
    /// `page_rows` is more than 0.
    pub(crate) fn new(query: StationQuery, page_rows: u32) -> Self {
        Self {
            left: query.limit,
            query,
            after: None,
            page_rows,
            seed: RandomState::new().build_hasher().finish().cast_signed(),
        }
    }

    fn rows(&self) -> u32 {
        self.left.map_or(self.page_rows, |left| left.min(self.page_rows))
    }

    /// The query of the next page.
    pub(crate) fn statement(&self) -> Result<Statement, Error> {
        let order = self.query.order;
        let key = key(order);
        let key_text = key
            .as_ref()
            .map_or("null".into(), |key| format!("({})::text", key.expression));
        let mut sql = Builder::new(format!(
            "select {COLUMNS}, {key_text}, s.name_folded from (select s.stationuuid from radiodeck.stations s"
        ));
        let any = conditions(&mut sql, &self.query)?;
        if let Some(place) = &self.after {
            sql.push(if any { " and " } else { " where " });
            match (order, &key) {
                (Order::Random, _) => self.after_random(&mut sql, place),
                (_, None) => after_name(&mut sql, place, self.query.reverse),
                (_, Some(key)) => after_key(&mut sql, key, place, self.query.reverse),
            }
        }
        self.order(&mut sql);
        sql.push(" limit ").push_bind(i64::from(self.rows()));
        if self.query.offset > 0 && self.after.is_none() {
            sql.push(" offset ").push_bind(i64::from(self.query.offset));
        }
        sql.push(") as chosen join radiodeck.stations s using (stationuuid)");
        self.order(&mut sql);
        statement(sql)
    }

    fn order(&self, sql: &mut Builder) {
        match self.query.order {
            Order::Random => {
                sql.push(" order by uuid_hash_extended(s.stationuuid, ")
                    .push_bind(self.seed)
                    .push("), s.stationuuid");
            }
            order => {
                sql.push(format!(" order by {}", order_by(order, self.query.reverse)));
            }
        }
    }

    fn after_random(&self, sql: &mut Builder, place: &Place) {
        sql.push("(uuid_hash_extended(s.stationuuid, ")
            .push_bind(self.seed)
            .push("), s.stationuuid) > (uuid_hash_extended(")
            .push_bind(place.stationuuid)
            .push(", ")
            .push_bind(self.seed)
            .push("), ")
            .push_bind(place.stationuuid)
            .push(")");
    }

    /// Takes the answer. Gives its stations and whether it was the last page.
    pub(crate) fn take(&mut self, rows: &[PgRow]) -> Result<(Vec<Station>, bool), Error> {
        let asked = self.rows() as usize;
        if let Some(last) = rows.last() {
            self.after = Some(place(last).map_err(Error::Database)?);
        }
        self.left = self.left.map(|left| left.saturating_sub(rows.len() as u32));
        let stations = super::stations_of(rows)?;
        Ok((stations, rows.len() < asked || self.left == Some(0)))
    }
}

fn place(row: &PgRow) -> Result<Place, sqlx::Error> {
    let columns = row.len();
    Ok(Place {
        key: row.try_get(columns - 2)?,
        name_folded: row.try_get(columns - 1)?,
        stationuuid: station(row)?.stationuuid,
    })
}

fn after_name(sql: &mut Builder, place: &Place, reverse: bool) {
    let beyond = if reverse { "<" } else { ">" };
    tie(sql, place, beyond);
}

fn tie(sql: &mut Builder, place: &Place, beyond: &str) {
    sql.push(format!("(s.name_folded, s.stationuuid) {beyond} ("))
        .push_bind(place.name_folded.clone())
        .push(", ")
        .push_bind(place.stationuuid)
        .push(")");
}

/// Ties are always by rising name. Nulls are the lowest: first when it rises, last when it falls.
fn after_key(sql: &mut Builder, key: &Key, place: &Place, reverse: bool) {
    let Key {
        expression,
        kind,
        nullable,
    } = *key;
    let Some(value) = &place.key else {
        sql.push("(");
        if !reverse {
            sql.push(format!("{expression} is not null or "));
        }
        sql.push(format!("({expression} is null and "));
        tie(sql, place, ">");
        sql.push("))");
        return;
    };
    let beyond = if reverse { "<" } else { ">" };
    let compare = |sql: &mut Builder, operator: &str| {
        sql.push(format!("{expression} {operator} "))
            .push_bind(value.clone())
            .push(format!("::text::{kind}"));
    };
    sql.push("(");
    if nullable && reverse {
        sql.push(format!("{expression} is null or "));
    }
    // The first half is what an index can start from.
    sql.push("(");
    compare(sql, &format!("{beyond}="));
    sql.push(" and (");
    compare(sql, beyond);
    sql.push(" or ");
    tie(sql, place, ">");
    sql.push(")))");
}
