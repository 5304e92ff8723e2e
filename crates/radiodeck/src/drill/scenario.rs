//! What is asked during a drill, and when what is broken.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use crate::measure::Error;
use crate::measure::http::ask;
use crate::measure::load::Target;

pub(super) const API: &str = "api.radiodeck.localhost";
pub(super) const WWW: &str = "www.radiodeck.localhost";

/// Steady GETs through the balancer.
pub(super) const PER_SECOND: u32 = 500;
pub(super) const SECONDS: u64 = 30;
/// A client gives up after so long.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// When what is broken, seconds from the beginning of the load.
pub(super) const KILL_APP_AT: u64 = 8;
pub(super) const RESTART_APP_AT: u64 = 16;
pub(super) const KILL_REPLICA_AT: u64 = 22;

/// Reads that go on while there is no primary.
pub(super) const READS_PER_SECOND: u32 = 100;
pub(super) const READS_SECONDS: u64 = 15;

/// Ids of some stations of the catalogue, most voted first.
pub(super) async fn stations(http: SocketAddr) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Station {
        stationuuid: String,
    }
    let list = Target::get(API, "/json/stations/topvote/50");
    let answer = ask(http, &list, DEADLINE).await.map_err(Error::CannotRun)?;
    let stations: Vec<Station> = serde_json::from_slice(&answer.body)
        .map_err(|error| Error::CannotRun(format!("the list of stations is no list ({}): {error}", answer.status)))?;
    if stations.is_empty() {
        return Err(Error::CannotRun("the catalogue is empty".into()));
    }
    Ok(stations.into_iter().map(|station| station.stationuuid).collect())
}

/// Half searches and single stations of the API, half pages of the site.
pub(super) fn mix(stations: &[String]) -> Vec<Target> {
    let searches = ["name=radio&limit=20", "tag=jazz&limit=20", "countrycode=SI&limit=20"];
    stations
        .iter()
        .zip(searches.iter().cycle())
        .flat_map(|(station, search)| {
            [
                Target::get(API, &format!("/json/stations/search?{search}")),
                Target::get(WWW, "/"),
                Target::get(API, &format!("/json/stations/byuuid/{station}")),
                Target::get(WWW, "/search?q=radio"),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_requests_go_to_the_api_and_half_to_the_site() {
        let targets = mix(&["a".into(), "b".into(), "c".into()]);
        let api = targets.iter().filter(|target| target.host == API).count();
        assert_eq!(api * 2, targets.len());
        assert!(targets.iter().any(|target| target.path == "/json/stations/byuuid/b"));
    }

    #[test]
    fn every_fault_falls_into_the_load() {
        const { assert!(KILL_APP_AT < RESTART_APP_AT && RESTART_APP_AT < KILL_REPLICA_AT && KILL_REPLICA_AT < SECONDS) }
    }
}
