//! TLS 1.3 handshakes and HTTP/2 requests, by CPU second of the proxy: how much a
//! core can carry.

use std::time::Duration;

use super::certificate::Certificate;
use super::config::Setup;
use super::contest::{Bound, Entry, record};
use super::cores::Place;
use super::ground::Ground;
use super::peers::Kind;
use super::proxy::Proxy;
use super::{h2load, handshakes};
use crate::measure::Error;
use crate::measure::output::Progress;
use crate::measure::report::{Figure, Report};
use crate::measure::samples::{Samples, interleaved};

const RIVALS: &[Kind] = &[Kind::Nginx];
const HANDSHAKES: &str = "TLS 1.3, full handshakes a CPU second";
const REQUESTS: &str = "h2 over TLS, 10 streams a connection, requests a CPU second";

pub(super) async fn measure(ground: &Ground, report: &mut Report, progress: &Progress) -> Result<(), Error> {
    let certificate = Certificate::make(ground.folder())?;
    let setup = Setup {
        workers: 1,
        servers: &ground.origin.addresses[..1],
        certificate: Some(&certificate),
        per_address: 0,
    };
    let mut proxies = Vec::new();
    for program in ground.programs.iter().filter(|program| program.kind != Kind::Haproxy) {
        progress.step(&format!("TLS: starting {}", program.label), 0);
        match Proxy::start(ground, program, &setup, Place::OneCore).await {
            Ok(proxy) => proxies.push(proxy),
            Err(error) => report.unproven(format!("TLS: {error}")),
        }
    }
    let client = handshakes::config(&certificate).map_err(|error| Error::CannotRun(error.to_string()))?;
    let time = Duration::from_secs(ground.seconds.into());
    let shake = async |proxy: &Proxy| {
        let run = handshakes::run(proxy.at.https, &client, time).await;
        run.map_err(|error| Error::CannotRun(format!("{HANDSHAKES}: {}: {error}", proxy.label)))
    };
    let entries = in_turns(ground, &proxies, HANDSHAKES, progress, shake).await?;
    record(report, HANDSHAKES, "1/s", &entries, Some((Bound::AtLeast(1.0), RIVALS)));
    if let Some(h2load) = &ground.h2load {
        let mut failed = 0;
        let ask = async |proxy: &Proxy| {
            let outcome = h2load::run(h2load, proxy.at.https, "/3", ground.seconds).await;
            let outcome = outcome.map_err(|why| Error::CannotRun(format!("{REQUESTS}: {}: {why}", proxy.label)))?;
            if proxy.kind == Kind::Ours {
                failed += outcome.failed;
            }
            Ok(outcome.done)
        };
        let entries = in_turns(ground, &proxies, REQUESTS, progress, ask).await?;
        record(report, REQUESTS, "1/s", &entries, Some((Bound::AtLeast(1.0), RIVALS)));
        if proxies.iter().any(|proxy| proxy.kind == Kind::Ours) {
            report.figure(Figure::at_most("h2 over TLS: failed", failed as f64, "requests", 0.0));
        }
    }
    for proxy in proxies {
        proxy.stop().await;
    }
    Ok(())
}

/// Runs `load`, which gives how much it did, on each of `proxies` in turns.
async fn in_turns(
    ground: &Ground,
    proxies: &[Proxy],
    name: &str,
    progress: &Progress,
    mut load: impl AsyncFnMut(&Proxy) -> Result<u64, Error>,
) -> Result<Vec<Entry>, Error> {
    let mut runs: Vec<Vec<f64>> = proxies.iter().map(|_| Vec::new()).collect();
    for number in interleaved(proxies.len(), ground.rounds) {
        let proxy = &proxies[number];
        progress.step(&format!("{name}: {}", proxy.label), 0);
        let before = proxy.cpu()?;
        let done = load(proxy).await?;
        let used = proxy.cpu()?.saturating_sub(before);
        runs[number].push(done as f64 / used.as_secs_f64());
    }
    let entry = |(proxy, runs): (&Proxy, Vec<f64>)| Entry {
        kind: proxy.kind,
        label: proxy.label.clone(),
        samples: Samples::from_iter(runs),
    };
    Ok(proxies.iter().zip(runs).map(entry).collect())
}
