//! `radiodeck drill`: break parts of a running stack under load, count what its
//! clients lost, and give a verdict.

mod compose;
mod docker;
mod failover;
mod ground;
mod processes;
mod reads;
mod scenario;
mod writes;

use std::path::PathBuf;
use std::process::ExitCode;

use self::ground::Ground;
use crate::error;
use crate::measure::output::{self, Progress, conclude};
use crate::measure::report::Report;
use crate::measure::{Error, runtime};
use crate::up::Interrupt;

const DRILLS: [(&str, &str); 2] = [
    (
        "failover",
        "kill and restart app servers, a replica and the primary of a stack of its own, under load",
    ),
    ("compose", "the same with the containers of the running compose stack"),
];

/// Break parts of a stack under load and count what was lost.
///
/// NAME is one of `list`. Each drill prints a table and ends with 0 when every
/// bound holds, 1 when one does not and 2 when it could not run. `failover`
/// starts a stack of its own as processes; `compose` breaks the containers of the
/// stack that runs on this machine, and puts right what it broke, also when it
/// is interrupted.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  radiodeck drill list
  radiodeck drill failover --json failover.json
  radiodeck drill compose --project radiodeck")]
pub(crate) struct Args {
    /// Which one, or `list`.
    name: String,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// With `compose`: name of the compose project.
    #[arg(long, value_name = "NAME", default_value = "radiodeck")]
    project: String,
    /// With `compose`: where the balancer is published; a loopback address.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    http: std::net::SocketAddr,
}

/// Runs the subcommand.
pub(crate) fn run(args: Args) -> Result<ExitCode, error::Error> {
    service::init_tracing(service::LogFormat::Human, "warn");
    if args.name == "list" {
        for (name, what) in DRILLS {
            output::print(&format!("{name:<9} {what}\n"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !DRILLS.iter().any(|(known, _)| *known == args.name) {
        return Err(Error::unknown("drill", &args.name, &DRILLS.map(|(known, _)| known)).into());
    }
    let report = match runtime()?.block_on(drill(&args)) {
        Err(Error::Interrupted) => return Err(Error::Interrupted.into()),
        Err(error) => output::could_not_run(&args.name, &error),
        Ok(report) => report,
    };
    Ok(conclude(&report, args.json.as_deref())?)
}

async fn drill(args: &Args) -> Result<Report, Error> {
    let progress = Progress::start();
    let mut interrupt = Interrupt::listen()?;
    progress.step("finding the stack", 0);
    let mut ground = match args.name.as_str() {
        "compose" => Ground::Compose(compose::Compose::find(&args.project, args.http).await?),
        _ => Ground::Processes(Box::new(processes::Processes::start(&mut interrupt).await?)),
    };
    let mut report = Report::new(&args.name);
    let outcome = tokio::select! {
        outcome = failover::run(&mut ground, &mut report, &progress) => outcome,
        () = interrupt.wait() => Err(Error::Interrupted),
    };
    progress.step("putting everything right", 0);
    ground.restore().await;
    outcome.map(|()| report)
}
