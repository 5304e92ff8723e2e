//! Lists of categories, from the summary or, while that is stale, counted anew.

use sqlx::{Postgres, QueryBuilder, Row};

use super::{statement, storable};
use crate::pool::Statement;
use crate::{Category, CategoryCount, CategoryQuery, Error};

fn kind(category: Category) -> &'static str {
    match category {
        Category::Tag => "tag",
        Category::Country => "country",
        Category::CountryCode => "countrycode",
        Category::State => "state",
        Category::Language => "language",
        Category::Codec => "codec",
    }
}

pub(crate) fn list(category: Category, query: &CategoryQuery) -> Result<Statement, Error> {
    let kind = kind(category);
    let number = if query.hide_broken { "working" } else { "stations" };
    // Only one of the two branches runs: the flag is read first. Kinds are written out, so that the other
    // kinds' parts of the view fall away when the query is planned.
    let mut sql = QueryBuilder::<Postgres>::new(format!(
        "select name, code, {number} from (\
            select name, code, stations, working from radiodeck.categories \
            where kind = '{kind}' and not (select stale from radiodeck.totals) \
            union all \
            select name, code, stations, working from radiodeck.category_counts \
            where kind = '{kind}' and (select stale from radiodeck.totals)\
         ) as counted where {number} > 0"
    ));
    if let Some(filter) = query.filter.as_deref().filter(|filter| !filter.is_empty()) {
        let filter = storable(filter)?.to_owned();
        sql.push(" and lower(name) like radiodeck.containing(lower(")
            .push_bind(filter)
            .push("))");
    }
    if let Some(country) = query.country.as_deref().filter(|_| category == Category::State) {
        let country = storable(country)?.to_owned();
        sql.push(" and lower(code) = lower(").push_bind(country).push(")");
    }
    let direction = if query.reverse { "desc" } else { "asc" };
    match query.by_count {
        true => sql.push(format!(" order by {number} {direction}, lower(name), name, code")),
        false => sql.push(format!(
            " order by lower(name) {direction}, name {direction}, code {direction}"
        )),
    };
    if let Some(limit) = query.limit {
        sql.push(" limit ").push_bind(i64::from(limit));
    }
    if query.offset > 0 {
        sql.push(" offset ").push_bind(i64::from(query.offset));
    }
    statement(sql)
}

pub(crate) fn count(row: &sqlx::postgres::PgRow) -> Result<CategoryCount, sqlx::Error> {
    Ok(CategoryCount {
        name: row.try_get(0)?,
        code: row.try_get(1)?,
        stations: row.try_get(2)?,
    })
}
