//! Round robin: over all workers together, each server must get the same.

use super::config::Setup;
use super::cores::Place;
use super::ground::Ground;
use super::proxy::Proxy;
use super::wrk;
use crate::measure::Error;
use crate::measure::output::Progress;
use crate::measure::report::{Figure, Report};

const REQUESTS: u64 = 100_000;
/// Of what each should have got.
const SPREAD_PERCENT: f64 = 1.0;
const CONNECTIONS: usize = 64;
/// Runs of the load, of which each lasts this long, seconds; a debug build on a slow machine needs them all.
const RUNS: usize = 15;
const RUN_S: u16 = 2;

pub(super) async fn measure(ground: &Ground, report: &mut Report, progress: &Progress) -> Result<(), Error> {
    let Some(wrk) = &ground.wrk else {
        return Ok(());
    };
    let servers = &ground.origin.addresses;
    let name = format!("round robin over {} servers and all workers", servers.len());
    progress.step(&name, 0);
    let setup = Setup {
        workers: 0,
        servers,
        certificate: None,
        per_address: 0,
    };
    let proxy = Proxy::start(ground, &ground.programs[0], &setup, Place::AllCores).await?;
    let before = ground.origin.counts();
    let mut counts = Vec::new();
    for _ in 0..RUNS {
        wrk::run(wrk, proxy.at.http, "/3", CONNECTIONS, RUN_S).await?;
        counts = ground
            .origin
            .counts()
            .iter()
            .zip(&before)
            .map(|(now, then)| now - then)
            .collect();
        if counts.iter().sum::<u64>() >= REQUESTS {
            break;
        }
    }
    proxy.stop().await;
    let total: u64 = counts.iter().sum();
    if total < REQUESTS {
        return Err(Error::CannotRun(format!(
            "{name}: no more than {total} requests in time"
        )));
    }
    report.figure(Figure::plain(format!("{name}: requests"), total as f64, ""));
    let figure = Figure::at_most(format!("{name}: spread"), spread_percent(&counts), "%", SPREAD_PERCENT);
    report.figure(figure);
    Ok(())
}

/// What the one with most got more than the one with least, in percent of what each should have got.
fn spread_percent(counts: &[u64]) -> f64 {
    let (most, least) = (counts.iter().max(), counts.iter().min());
    let apart = most.zip(least).map_or(0, |(most, least)| most - least);
    apart as f64 * 100.0 * counts.len() as f64 / counts.iter().sum::<u64>() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_a_share_of_an_even_part() {
        assert_eq!(spread_percent(&[100, 100, 100]), 0.0);
        assert_eq!(spread_percent(&[99, 100, 101]), 2.0);
        assert_eq!(spread_percent(&[0, 0, 300]), 300.0);
        assert!(spread_percent(&[0, 0]).is_nan());
    }
}
