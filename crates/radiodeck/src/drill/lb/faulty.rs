//! One server of three gets a fault, in the middle of a load.

use std::time::Instant;

use http::Method;

use super::super::reads::Reading;
use super::balancer::{Balancer, Ground};
use super::cases::Case;
use super::loads::{Pace, path, plan};
use super::row::Row;
use super::servers::Servers;
use super::tally::Tally;
use crate::measure::Error;
use crate::measure::output::Progress;

const FAULTY: usize = 0;

pub(super) async fn run(
    ground: &Ground,
    case: &Case,
    method: &Method,
    pace: Pace,
    progress: &Progress,
) -> Result<Row, Error> {
    progress.step(&format!("{method}, {} (checks {})", case.name, case.checks()), 0);
    let mut servers = Servers::start().await?;
    let addresses = servers.addresses();
    let balancer = Balancer::start(ground, &addresses, case.hedging).await?;
    let reading = Reading::start(plan(balancer.http, method, case.warm_up + pace.faulty, pace.deadline))?;
    reading.until(case.warm_up, progress).await;
    servers.order(FAULTY, case.order).await?;
    let since = Instant::now();
    let end = since + pace.faulty;
    let out = balancer.wait_until_out(addresses[FAULTY], end).await?;
    let recording = reading.finish(progress).await?;
    let counted = balancer.pool().await?.into();
    let seen = servers.finish().await?;
    Ok(Row {
        method: method.clone(),
        name: case.name.into(),
        checks: case.checks(),
        tally: Tally::of(&recording, &seen, path),
        counted,
        out: out.map(|(at, state)| (at.saturating_duration_since(since), state)),
        none_fails: case.saves_gets && *method == Method::GET,
    })
}
