//! CPU time a request and latency: GET on kept connections, by size of the answer
//! and number of connections.

use std::time::{Duration, Instant};

use super::config::Setup;
use super::contest::{BOTH, Bound, Entry, record};
use super::cores::Place;
use super::ground::Ground;
use super::proxy::Proxy;
use super::wrk;
use crate::measure::output::Progress;
use crate::measure::report::{Figure, Report};
use crate::measure::samples::interleaved;
use crate::measure::{Error, cpu};

/// Bytes of an answer, what they are called, and the share of the better peer's CPU time that ours may use.
const BODIES: [(usize, &str, f64); 3] = [(3, "3 B", 0.90), (1_024, "1 KB", 0.90), (65_536, "64 KB", 0.95)];
const CONNECTIONS: [usize; 2] = [64, 1_000];
/// Share of the better peer's p99.
const P99: f64 = 1.10;
/// Of one core; what others use above it shows in the figures.
const OTHERS: f64 = 0.2;

/// What one run found.
struct Run {
    outcome: wrk::Outcome,
    cpu_us: f64,
    /// Of one core, what the rest of the machine used meanwhile.
    others: Option<f64>,
}

pub(super) async fn measure(ground: &Ground, report: &mut Report, progress: &Progress) -> Result<(), Error> {
    let Some(wrk) = &ground.wrk else {
        return Ok(());
    };
    let setup = Setup {
        workers: 1,
        servers: &ground.origin.addresses[..1],
        certificate: None,
        per_address: 0,
    };
    let mut proxies = Vec::new();
    for program in &ground.programs {
        proxies.push(Proxy::start(ground, program, &setup, Place::OneCore).await?);
    }
    for (bytes, body, share) in BODIES {
        for connections in CONNECTIONS {
            let name = format!("{body}, {connections} connections");
            let path = format!("/{bytes}");
            let run = async |proxy: &Proxy, seconds| run(wrk, proxy, &path, connections, seconds).await;
            // Connections to the server open, memory taken: what lasts is measured, not the beginning.
            for proxy in &proxies {
                progress.step(&format!("{name}: warming up {}", proxy.label), 0);
                run(proxy, 1).await?;
            }
            let mut runs: Vec<Vec<Run>> = proxies.iter().map(|_| Vec::new()).collect();
            for number in interleaved(proxies.len(), ground.rounds) {
                progress.step(&format!("{name}: {}", proxies[number].label), 0);
                runs[number].push(run(&proxies[number], ground.seconds).await?);
            }
            record_all(report, &name, share, &proxies, &runs);
        }
    }
    for proxy in proxies {
        proxy.stop().await;
    }
    Ok(())
}

async fn run(wrk: &std::path::Path, proxy: &Proxy, path: &str, connections: usize, seconds: u16) -> Result<Run, Error> {
    let (before, began, quiet) = (proxy.cpu()?, Instant::now(), others());
    let outcome = wrk::run(wrk, proxy.at.http, path, connections, seconds).await?;
    let used = proxy.cpu()?.saturating_sub(before);
    let elapsed = began.elapsed().as_secs_f64();
    let meanwhile = |(before, now): (Duration, Duration)| now.saturating_sub(before).as_secs_f64() / elapsed;
    Ok(Run {
        cpu_us: used.as_secs_f64() * 1e6 / outcome.requests as f64,
        outcome,
        others: quiet.zip(others()).map(meanwhile),
    })
}

/// CPU time that everybody else on this machine has used so far: all but this process and what it started.
fn others() -> Option<Duration> {
    Some(cpu::of_machine()?.saturating_sub(cpu::of_tree(std::process::id())?))
}

fn record_all(report: &mut Report, name: &str, share: f64, proxies: &[Proxy], runs: &[Vec<Run>]) {
    let entries = |of: fn(&Run) -> f64| -> Vec<Entry> {
        let pairs = proxies.iter().zip(runs);
        let entry = |(proxy, runs): (&Proxy, &Vec<Run>)| Entry {
            kind: proxy.kind,
            label: proxy.label.clone(),
            samples: runs.iter().map(of).collect(),
        };
        pairs.map(entry).collect()
    };
    let called = |what: &str| format!("GET {name}: {what}");
    let cpu = entries(|run| run.cpu_us);
    record(
        report,
        &called("CPU a request"),
        "us",
        &cpu,
        Some((Bound::AtMost(share), BOTH)),
    );
    let per_second = entries(|run| run.outcome.per_second);
    record(report, &called("requests a second"), "1/s", &per_second, None);
    record(report, &called("p50"), "ms", &entries(|run| run.outcome.p50_ms), None);
    let p99 = entries(|run| run.outcome.p99_ms);
    record(report, &called("p99"), "ms", &p99, Some((Bound::AtMost(P99), BOTH)));
    for (proxy, runs) in proxies.iter().zip(runs) {
        let failed: u64 = runs.iter().map(|run| run.outcome.failed).sum();
        if proxy.kind == super::peers::Kind::Ours {
            report.figure(Figure::at_most(called("failed"), failed as f64, "requests", 0.0));
        } else if failed > 0 {
            report.missing(called(&format!(
                "all of {}: {failed} of its requests failed",
                proxy.label
            )));
        }
    }
    let others = runs.iter().flatten().filter_map(|run| run.others).fold(0.0, f64::max);
    if others > OTHERS {
        report.missing(called(&format!(
            "a quiet machine: other processes used up to {:.0}% of a core meanwhile",
            others * 100.0
        )));
    }
}
