//! A row as a [`Station`].

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::Station;

/// Columns of a station of the table called `s`, in the order in which [`station`] takes them.
pub(crate) const COLUMNS: &str = "s.stationuuid, s.changeuuid, s.serveruuid, s.name, s.url, s.url_resolved, \
    s.homepage, s.favicon, s.tags, s.country, s.countrycode, s.iso_3166_2, s.state, s.language, s.languagecodes, \
    s.votes, s.lastchangetime, s.codec, s.bitrate, s.hls, s.lastcheckok, s.lastchecktime, s.lastcheckoktime, \
    s.lastlocalchecktime, s.clicktimestamp, s.clickcount, s.clicktrend, s.ssl_error, s.geo_lat, s.geo_long, \
    s.has_extended_info";

pub(crate) fn station(row: &PgRow) -> Result<Station, sqlx::Error> {
    Ok(Station {
        stationuuid: row.try_get(0)?,
        changeuuid: row.try_get(1)?,
        serveruuid: row.try_get(2)?,
        name: row.try_get(3)?,
        url: row.try_get(4)?,
        url_resolved: row.try_get(5)?,
        homepage: row.try_get(6)?,
        favicon: row.try_get(7)?,
        tags: row.try_get(8)?,
        country: row.try_get(9)?,
        countrycode: row.try_get(10)?,
        iso_3166_2: row.try_get(11)?,
        state: row.try_get(12)?,
        language: row.try_get(13)?,
        languagecodes: row.try_get(14)?,
        votes: row.try_get(15)?,
        lastchangetime: row.try_get(16)?,
        codec: row.try_get(17)?,
        bitrate: row.try_get(18)?,
        hls: row.try_get(19)?,
        lastcheckok: row.try_get(20)?,
        lastchecktime: row.try_get(21)?,
        lastcheckoktime: row.try_get(22)?,
        lastlocalchecktime: row.try_get(23)?,
        clicktimestamp: row.try_get(24)?,
        clickcount: row.try_get(25)?,
        clicktrend: row.try_get(26)?,
        ssl_error: row.try_get(27)?,
        geo_lat: row.try_get(28)?,
        geo_long: row.try_get(29)?,
        has_extended_info: row.try_get(30)?,
    })
}
