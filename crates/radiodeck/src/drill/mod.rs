//! `radiodeck drill`: break parts of a running stack under load, count what its
//! clients lost, and give a verdict.

mod compose;
mod docker;
mod failover;
mod files;
mod ground;
mod lb;
mod processes;
mod reads;
mod scale;
mod scenario;
mod writes;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use self::ground::Ground;
pub(crate) use self::lb::{ORIGIN, OriginArgs, origin};
use crate::error;
use crate::measure::output::{self, Progress, conclude};
use crate::measure::report::Report;
use crate::measure::{Error, runtime};
use crate::up::Interrupt;

const DRILLS: [(&str, &str); 3] = [
    (
        "failover",
        "kill and restart app servers, a replica and the primary of a stack of its own, under load",
    ),
    (
        "compose",
        "the same with the containers of the running compose stack, and add an app server to it",
    ),
    (
        "lb",
        "kill the servers behind the balancer, have them fail in every way, and show what clients see",
    ),
];

/// Break parts of a stack under load and count what was lost.
///
/// `list` shows the names. Each drill prints a table and ends with 0 when every
/// bound holds, 1 when one does not and 2 when it could not run or could not
/// measure everything that has a bound. `failover`
/// starts a stack of its own as processes; `compose` breaks the containers of the
/// stack that runs on this machine and adds an app server to it, and puts right
/// what it did, also when it is interrupted. `lb` puts the balancer alone in front of
/// servers of its own that fail in one way after the other.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  radiodeck drill list
  radiodeck drill failover --json failover.json
  radiodeck drill compose --project radiodeck
  cargo run --release -- drill lb --docs docs/failures.md")]
pub(crate) struct Args {
    /// Which one; `list` shows the names.
    name: String,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// With `compose`: name of the compose project [default: $COMPOSE_PROJECT_NAME, else radiodeck].
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// With `compose`: where balancer lb-1 is published; a loopback address [default: 127.0.0.1, port
    /// $RADIODECK_HTTP_PORT, else 8080].
    #[arg(long, value_name = "ADDR:PORT")]
    http: Option<SocketAddr>,
    /// With `lb`: rewrite the generated part of this Markdown file.
    #[arg(long, value_name = "FILE")]
    docs: Option<PathBuf>,
    #[command(flatten)]
    lb: lb::Options,
}

impl Args {
    /// The compose project, found as `docker compose` would find it in `environment`.
    fn project(&self, environment: impl Fn(&str) -> Option<String>) -> String {
        let set = |name| environment(name).filter(|value| !value.is_empty());
        let named = self.project.clone().or_else(|| set("COMPOSE_PROJECT_NAME"));
        named.unwrap_or_else(|| "radiodeck".into())
    }

    /// Where that publishes the balancer.
    fn http(&self, environment: impl Fn(&str) -> Option<String>) -> Result<SocketAddr, Error> {
        if let Some(http) = self.http {
            return Ok(http);
        }
        let port = environment("RADIODECK_HTTP_PORT").filter(|value| !value.is_empty());
        let port = port.map_or(Ok(8080), |text| {
            let no_port = |_| Error::CannotRun(format!("RADIODECK_HTTP_PORT is no port: `{text}`"));
            text.parse().map_err(no_port)
        })?;
        Ok((Ipv4Addr::LOCALHOST, port).into())
    }
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
    output::check(args.json.iter().chain(&args.docs))?;
    if args.name == "lb" {
        return Ok(balancer(&args)?);
    }
    let report = match runtime()?.block_on(drill(&args)) {
        Err(Error::Interrupted) => return Err(Error::Interrupted.into()),
        Err(error) => output::could_not_run(&args.name, &error),
        Ok(report) => report,
    };
    Ok(conclude(&report, args.json.as_deref())?)
}

/// The drill that needs no stack.
fn balancer(args: &Args) -> Result<ExitCode, Error> {
    let mut report = Report::new(&args.name);
    let outcome = runtime()?.block_on(async {
        let progress = Progress::start();
        let mut interrupt = Interrupt::listen()?;
        // What runs meanwhile ends when it is dropped.
        tokio::select! {
            outcome = lb::run(&args.lb, &mut report, &progress) => outcome,
            () = interrupt.wait() => Err(Error::Interrupted),
        }
    });
    match outcome {
        Ok(sheet) => {
            output::print(&sheet.terminal());
            if let Some(path) = &args.docs {
                lb::write_docs(path, &sheet, &report)?;
            }
        }
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => report = output::could_not_run(&args.name, &error),
    }
    let code = conclude(&report.bounded(), None)?;
    args.json.as_deref().map_or(Ok(()), |path| report.write(path))?;
    Ok(code)
}

async fn drill(args: &Args) -> Result<Report, Error> {
    let progress = Progress::start();
    let mut interrupt = Interrupt::listen()?;
    progress.step("finding the stack", 0);
    let mut ground = match args.name.as_str() {
        "compose" => {
            let environment = |name: &str| std::env::var(name).ok();
            let (project, http) = (args.project(environment), args.http(environment)?);
            Ground::Compose(Box::new(compose::Compose::find(&project, http).await?))
        }
        _ => Ground::Processes(Box::new(processes::Processes::start(&mut interrupt).await?)),
    };
    let mut report = Report::new(&args.name);
    let outcome = tokio::select! {
        outcome = break_it(&mut ground, &mut report, &progress) => outcome,
        () = interrupt.wait() => Err(Error::Interrupted),
    };
    progress.step("putting everything right", 0);
    ground.restore().await;
    outcome.map(|()| report)
}

async fn break_it(ground: &mut Ground, report: &mut Report, progress: &Progress) -> Result<(), Error> {
    failover::run(ground, report, progress).await?;
    if let Ground::Compose(compose) = ground {
        scale::run(compose, report, progress).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &[&str]) -> Args {
        Line::try_parse_from([&["drill", "compose"], line].concat())
            .expect("valid")
            .args
    }

    #[test]
    fn project_and_port_are_those_of_the_environment_unless_named() {
        let environment = |name: &str| match name {
            "COMPOSE_PROJECT_NAME" => Some("second".to_owned()),
            "RADIODECK_HTTP_PORT" => Some("8081".to_owned()),
            _ => None,
        };
        let empty = |_: &str| Some(String::new());
        let http = |args: &Args, port: u16| args.http(environment).expect("an address").port() == port;
        assert_eq!(args(&[]).project(environment), "second");
        assert_eq!(args(&[]).project(empty), "radiodeck");
        assert_eq!(args(&["--project", "third"]).project(environment), "third");
        assert!(http(&args(&[]), 8081));
        assert!(http(&args(&["--http", "127.0.0.1:9"]), 9));
        assert_eq!(args(&[]).http(empty).expect("an address").port(), 8080);
        let error = args(&[]).http(|_| Some("x".into())).expect_err("no port").to_string();
        assert!(error.contains("RADIODECK_HTTP_PORT"), "{error}");
    }
}
