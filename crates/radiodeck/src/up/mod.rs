//! `radiodeck up`: the whole stack without Docker, as processes on loopback.
//!
//! Every service is a program of its own that this one starts and supervises;
//! none is linked. The data folder holds the database, the secrets and, in
//! `run/`, what is written anew at each start: generated configurations,
//! process ids and `state.json`.

mod backoff;
mod book;
mod configs;
mod database;
mod error;
mod layout;
mod leash;
mod logline;
mod output;
mod ports;
mod programs;
mod stack;
mod stale;
mod state;
mod supervise;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use service::LogFormat;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) use self::database::node_pid;
pub(crate) use self::error::Error;
pub(crate) use self::layout::Layout;
pub(crate) use self::leash::{Leash, LeashArgs, NAME as LEASH, run as leash};
pub(crate) use self::logline::LogLine;
pub(crate) use self::output::Output;
pub(crate) use self::programs::Programs;
pub(crate) use self::stack::{Options, Stack};
pub(crate) use self::stale::{PidFolder, signal as send_signal};
pub(crate) use self::state::State;

/// Run the whole stack on this machine, without Docker (the default).
///
/// Starts a Postgres primary and two replicas from the machine's own binaries,
/// app servers, two balancers and the name server, all on loopback. The first
/// start makes the data folder with random passwords and a starter catalogue.
/// A service that dies is started again. Ctrl-C drains and stops everything; a
/// second Ctrl-C kills it.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  radiodeck up
  radiodeck up --http-port 0 --https-port 0 --dns-port 0 --log-format json    for scripts: the line with \"message\":\"up\" has the ports
  radiodeck up --data ./deck --apps 4

Addresses and process ids of the running stack are in run/state.json of the data folder.")]
pub(crate) struct Args {
    /// Data folder [default: /var/lib/radiodeck as root, else radiodeck in $XDG_DATA_HOME or ~/.local/share].
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// App servers.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) apps: u8,
    /// Port of the site and the API; 0 takes any free one. The first balancer has it on 127.0.0.1, the second on
    /// 127.0.0.2 (where that is not there, as on macOS: the next port of 127.0.0.1).
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) http_port: u16,
    /// The same for HTTPS.
    #[arg(long, value_name = "PORT", default_value_t = 8443)]
    pub(crate) https_port: u16,
    /// Port of the name server on 127.0.0.1, UDP and TCP; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 5300)]
    pub(crate) dns_port: u16,
    /// How to print what the services log.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) log_format: LogFormat,
    /// Do not build the services when run by cargo.
    #[arg(long)]
    pub(crate) no_build: bool,
}

/// Runs the stack until a signal ends it.
pub(crate) fn run(args: Args) -> Result<ExitCode, crate::error::Error> {
    service::init_tracing(args.log_format, "warn");
    let output = Output::stdout(args.log_format);
    let ended = start_and_live(args, &output);
    output.finish();
    ended
}

fn start_and_live(args: Args, output: &Output) -> Result<ExitCode, crate::error::Error> {
    let options = Options {
        layout: Layout::find(args.data.as_deref())?,
        apps: args.apps.into(),
        http_port: args.http_port,
        https_port: args.https_port,
        dns_port: args.dns_port,
        build: !args.no_build,
    };
    // This may build for minutes; Ctrl-C ends that as it ends cargo.
    let stack = Stack::prepare(options, output.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(crate::error::Error::Runtime)?;
    Ok(runtime.block_on(live(stack, output))?)
}

/// Ctrl-C and SIGTERM alike.
pub(crate) struct Interrupt {
    terminate: Signal,
    interrupt: Signal,
}

impl Interrupt {
    pub(crate) fn listen() -> Result<Self, Error> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(Error::Signals)?,
            interrupt: signal(SignalKind::interrupt()).map_err(Error::Signals)?,
        })
    }

    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn live(mut stack: Stack, output: &Output) -> Result<ExitCode, Error> {
    let mut interrupt = Interrupt::listen()?;
    let outcome = tokio::select! {
        up = stack.bring_up() => match up {
            Ok(state) => {
                announce(&state, output);
                interrupt.wait().await;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => Err(error),
        },
        () = interrupt.wait() => Ok(ExitCode::from(130)),
    };
    if outcome.is_ok() {
        output.say("up", "stopping; once more to kill");
    }
    let pids = stack.pids();
    tokio::select! {
        () = stack.stop() => outcome,
        () = interrupt.wait() => {
            pids.kill_all();
            output.say("up", "killed");
            Ok(ExitCode::from(130))
        }
    }
}

fn announce(state: &State, output: &Output) {
    output.event(
        "up",
        [
            ("http", json!(state.http)),
            ("https", json!(state.https)),
            ("ca", json!(state.ca)),
            ("dns", json!(state.dns)),
            ("site", json!(state.site)),
            ("api", json!(state.api)),
            ("data", json!(state.data)),
            ("owner_config", json!(state.owner_config)),
            ("pid", json!(state.pid)),
        ],
    );
    let own = match Layout::find(None) {
        Ok(usual) if usual.root() == state.data => String::new(),
        _ => format!(" --data {}", state.data.display()),
    };
    let service = |name: &str| state.services.iter().find(|service| service.name == name);
    let pid = |name: &str| service(name).and_then(|service| service.pid).unwrap_or_default();
    output.plain(&format!(
        "
The stack is up.

  browse   {site}
  curl     curl '{api}json/stations/topclick/5'
  https    curl --cacert {ca} https://www.radiodeck.localhost:{https}/
  dig      dig @127.0.0.1 -p {dns} www.radiodeck.si
  fill     {me} import radio-browser{own}    (the public directory, 50,000 stations)
  break    kill -9 {app}    (an app server: nothing is lost, and it comes back)
           kill -9 {lb}    (balancer lb-1: lb-2 on {second} goes on, and lb-1 comes back)
  stop     Ctrl-C
",
        site = state.site,
        api = state.api,
        ca = state.ca.display(),
        https = state.https.port(),
        dns = state.dns.port(),
        me = if programs::cargo().is_some() {
            "cargo run --"
        } else {
            "radiodeck"
        },
        app = pid("app-1"),
        lb = pid("lb-1"),
        second = service("lb-2")
            .and_then(|lb| lb.listen)
            .map(|addr| addr.to_string())
            .unwrap_or_default(),
    ));
}
