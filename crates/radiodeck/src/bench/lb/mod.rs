//! `bench lb`: our balancer beside nginx and HAProxy: on the same core, in front
//! of the same server, under the same load, in turns.

mod attack;
mod certificate;
mod config;
mod contest;
mod cores;
mod ground;
mod h2load;
mod handshakes;
mod idle;
mod large;
mod origin;
mod peers;
mod proxy;
mod requests;
mod tls;
mod tool;
mod turns;
mod wrk;

pub(super) use self::attack::run as run_attack;
use self::ground::Ground;
use crate::measure::Error;
use crate::measure::output::Progress;
use crate::measure::report::Report;
use crate::up::Interrupt;

/// How long it may take.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Options {
    /// With `lb` and `attack`: how often each proxy has its turn.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
    /// With `lb` and `attack`: length of one turn.
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=600))]
    seconds: u16,
    /// With `lb` and `attack`: one turn of one second each, to see it run: about a minute.
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    quick: bool,
}

impl Options {
    fn rounds(self) -> usize {
        if self.quick { 1 } else { self.rounds.into() }
    }

    fn seconds(self) -> u16 {
        if self.quick { 1 } else { self.seconds }
    }
}

/// Runs the benchmark.
pub(super) async fn run(
    options: &Options,
    report: &mut Report,
    progress: &Progress,
    interrupt: &mut Interrupt,
) -> Result<(), Error> {
    // What runs meanwhile ends when it is dropped.
    tokio::select! {
        outcome = measure(options, report, progress) => outcome,
        () = interrupt.wait() => Err(Error::Interrupted),
    }
}

async fn measure(options: &Options, report: &mut Report, progress: &Progress) -> Result<(), Error> {
    progress.step("starting", 0);
    let ground = Ground::prepare(options, report).await?;
    note(requests::measure(&ground, report, progress).await, report);
    note(idle::measure(&ground, report, progress).await, report);
    note(large::measure(&ground, report, progress).await, report);
    note(tls::measure(&ground, report, progress).await, report);
    note(turns::measure(&ground, report, progress).await, report);
    Ok(())
}

/// What could not be measured keeps nothing else from being.
fn note(outcome: Result<(), Error>, report: &mut Report) {
    if let Err(error) = outcome {
        report.unproven(error.to_string());
    }
}
