//! Every server is killed and started again, one after the other and in rounds,
//! as a careless deployment would.

use std::time::Duration;

use http::Method;
use tokio::time::sleep;

use super::super::reads::Reading;
use super::balancer::{Balancer, Ground};
use super::loads::{Pace, path, plan};
use super::row::Row;
use super::servers::{SERVERS, Servers};
use super::tally::Tally;
use crate::measure::Error;
use crate::measure::output::Progress;

const WARM_UP: Duration = Duration::from_secs(1);
/// How long a server is gone.
const GONE: Duration = Duration::from_secs(1);
/// After it is back in rotation, before the next is killed.
const APART: Duration = Duration::from_millis(300);
/// Later than this it is not taken back.
const BACK_DEADLINE: Duration = Duration::from_secs(10);
/// Longer than one kill takes in any case: the load is ended after the last.
const LONGEST: Duration = Duration::from_secs(12);

pub(super) async fn run(ground: &Ground, method: &Method, pace: Pace, progress: &Progress) -> Result<Row, Error> {
    let kills = pace.rounds * usize::from(SERVERS);
    let name = format!("each killed and restarted in turn, {kills} kills");
    progress.step(&format!("{method}, {name}"), 0);
    let mut servers = Servers::start().await?;
    let addresses = servers.addresses();
    let balancer = Balancer::start(ground, &addresses, false).await?;
    let longest = LONGEST * u32::try_from(kills).unwrap_or(u32::MAX);
    let reading = Reading::start(plan(balancer.http, method, longest, pace.deadline))?;
    reading.until(WARM_UP, progress).await;
    for number in (0..addresses.len()).cycle().take(kills) {
        servers.kill(number).await?;
        sleep(GONE).await;
        servers.restart(number).await?;
        balancer.wait_until_back(addresses[number], BACK_DEADLINE).await?;
        sleep(APART).await;
    }
    if !reading.stop() {
        return Err(Error::CannotRun("the load ended before the last kill".into()));
    }
    let recording = reading.finish(progress).await?;
    let counted = balancer.pool().await?.into();
    let seen = servers.finish().await?;
    Ok(Row {
        method: method.clone(),
        name,
        checks: "fail too",
        tally: Tally::of(&recording, &seen, path),
        counted,
        out: None,
        none_fails: *method == Method::GET,
    })
}
