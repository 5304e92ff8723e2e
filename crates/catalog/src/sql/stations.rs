//! Station lists: conditions, and parts that are short enough for one query.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::order::order_by;
use super::{COLUMNS, statement, storable};
use crate::pool::Statement;
use crate::{Error, StationQuery, TextMatch};

pub(super) type Builder = QueryBuilder<'static, Postgres>;

/// The stations of `query`, which has a limit. Identities are chosen first and their rows fetched after: the choice can
/// then run on an index alone, also past a large offset.
pub(crate) fn list(query: &StationQuery) -> Result<Statement, Error> {
    let order = order_by(query.order, query.reverse);
    let mut sql = Builder::new(format!(
        "select {COLUMNS} from (select s.stationuuid from radiodeck.stations s"
    ));
    conditions(&mut sql, query)?;
    sql.push(format!(" order by {order}"));
    if let Some(limit) = query.limit {
        sql.push(" limit ").push_bind(i64::from(limit));
    }
    if query.offset > 0 {
        sql.push(" offset ").push_bind(i64::from(query.offset));
    }
    sql.push(format!(
        ") as chosen join radiodeck.stations s using (stationuuid) order by {order}"
    ));
    statement(sql)
}

/// How many stations `query` finds.
pub(crate) fn count(query: &StationQuery) -> Result<Statement, Error> {
    let mut sql = Builder::new("select count(*) from radiodeck.stations s");
    conditions(&mut sql, query)?;
    statement(sql)
}

/// One station.
pub(crate) fn one(stationuuid: Uuid) -> Result<Statement, Error> {
    let mut sql = Builder::new(format!(
        "select {COLUMNS} from radiodeck.stations s where s.stationuuid = "
    ));
    sql.push_bind(stationuuid);
    statement(sql)
}

/// `where` and what follows it, if anything does; gives whether.
pub(super) fn conditions(sql: &mut Builder, query: &StationQuery) -> Result<bool, Error> {
    let mut r#where = Where { sql, any: false };
    r#where.text("s.name_folded", "radiodeck.fold", query.name.as_ref())?;
    r#where.text("lower(s.country)", "lower", query.country.as_ref())?;
    r#where.text("lower(s.state)", "lower", query.state.as_ref())?;
    r#where.text("lower(s.codec)", "lower", query.codec.as_ref())?;
    r#where.members("s.language", "s.language_list", query.language.as_slice())?;
    r#where.members("s.tags", "s.tag_list", &query.tags)?;
    if let Some(code) = &query.countrycode {
        let code = storable(code)?.to_uppercase();
        r#where.and("s.countrycode = ").push_bind(code);
    }
    if let Some(uuids) = &query.uuids {
        r#where.and("s.stationuuid = any(").push_bind(uuids.clone()).push(")");
    }
    if let Some(url) = &query.url {
        let url = storable(url)?.to_owned();
        r#where.and("s.url = ").push_bind(url);
    }
    if let Some(lowest) = query.bitrate_min.filter(|lowest| *lowest > 0) {
        r#where.and("s.bitrate >= ").push_bind(lowest);
    }
    if let Some(highest) = query.bitrate_max {
        r#where.and("s.bitrate <= ").push_bind(highest);
    }
    match query.is_https {
        Some(true) => drop(r#where.and("s.url ilike 'https://%'")),
        Some(false) => drop(r#where.and("s.url not ilike 'https://%'")),
        None => {}
    }
    match query.has_geo_info {
        Some(true) => drop(r#where.and("s.geo_lat is not null")),
        Some(false) => drop(r#where.and("s.geo_lat is null")),
        None => {}
    }
    match query.has_extended_info {
        Some(true) => drop(r#where.and("s.has_extended_info")),
        Some(false) => drop(r#where.and("not s.has_extended_info")),
        None => {}
    }
    if query.hide_broken {
        r#where.and("s.lastcheckok");
    }
    if query.only_broken {
        r#where.and("not s.lastcheckok");
    }
    Ok(r#where.any)
}

struct Where<'a> {
    sql: &'a mut Builder,
    any: bool,
}

impl Where<'_> {
    fn and(&mut self, condition: &str) -> &mut Builder {
        self.sql.push(if self.any { " and " } else { " where " });
        self.any = true;
        self.sql.push(condition)
    }

    /// `column` holds text that has been through `function`.
    fn text(&mut self, column: &str, function: &str, term: Option<&TextMatch>) -> Result<(), Error> {
        match term {
            None => {}
            Some(TextMatch::Contains(part)) if part.is_empty() => {}
            Some(TextMatch::Contains(part)) => {
                let part = storable(part)?.to_owned();
                self.and(&format!("{column} like radiodeck.containing({function}("))
                    .push_bind(part)
                    .push("))");
            }
            Some(TextMatch::Exact(whole)) => {
                let whole = storable(whole)?.to_owned();
                self.and(&format!("{column} = {function}(")).push_bind(whole).push(")");
            }
        }
        Ok(())
    }

    /// `text` is a comma list in lower case, `list` the same as an array.
    fn members(&mut self, text: &str, list: &str, terms: &[TextMatch]) -> Result<(), Error> {
        let mut wanted = Vec::new();
        for term in terms {
            match term {
                TextMatch::Exact(member) => wanted.push(storable(member)?.trim().to_lowercase()),
                TextMatch::Contains(part) if part.is_empty() => {}
                TextMatch::Contains(part) => {
                    let part = storable(part)?.to_lowercase();
                    self.and(&format!("{text} like radiodeck.containing("))
                        .push_bind(part)
                        .push(")");
                }
            }
        }
        if !wanted.is_empty() {
            self.and(&format!("{list} @> ")).push_bind(wanted);
        }
        Ok(())
    }
}
