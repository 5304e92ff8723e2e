//! The life of a service binary, from its arguments to its exit code.

use std::future::Future;
use std::os::unix::net::UnixDatagram;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tracing::{error, info, warn};

use crate::handover::{self, Handover, Program};
use crate::notify::notify;
use crate::{
    Args, Config, ConfigSource, Context, Readiness, RunError, Shutdown, Sockets, StartError, admin, listening, probe,
};

/// One of Radiodeck's services.
pub trait Service: Sized + Send + 'static {
    /// Name of the binary, such as `radiodeck-lb`.
    const NAME: &'static str;
    /// Prefix of environment overrides, such as `RADIODECK_LB`.
    const ENV_PREFIX: &'static str;
    /// What the service is, for `--help`: a sentence, then how to run it alone.
    const ABOUT: &'static str;
    /// Its configuration.
    type Config: Config;

    /// Threads of the main runtime; `None` is one a core. A service that runs
    /// worker threads of its own needs few here.
    const RUNTIME_THREADS: Option<usize> = None;

    /// Whether SIGUSR2 starts a successor that takes over the listening sockets. Such a
    /// service binds them with `context.sockets`, lets go of them when it drains, and
    /// does not serve before it is ready where those sockets take over.
    const HANDS_OVER: bool = false;

    /// What is logged when the configuration does not say, in the syntax of
    /// `RUST_LOG`. A service whose libraries log a line a request silences them here.
    const DEFAULT_LOG_FILTER: &'static str = "info";

    /// Binds every listener and prepares the rest. Nothing is served yet. What
    /// must come up before the service can serve holds a latch of
    /// `context.readiness`.
    ///
    /// # Errors
    /// Whatever keeps the service from starting.
    fn build(config: Self::Config, context: &mut Context) -> impl Future<Output = Result<Self, StartError>> + Send;

    /// Serves until the shutdown begins, then drains within its deadline.
    ///
    /// # Errors
    /// Only what ends the service before it was told to end.
    fn run(self, shutdown: Shutdown) -> impl Future<Output = Result<(), RunError>> + Send;
}

/// Runs `S` as this process: its `main.rs` has nothing else to do.
#[must_use]
pub fn main<S: Service>() -> ExitCode {
    let command = Args::command()
        .name(S::NAME)
        .about(S::ABOUT)
        .version(env!("CARGO_PKG_VERSION"));
    let args = match Args::from_arg_matches(&command.get_matches()) {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    let source = ConfigSource {
        path: args.config.clone(),
        prefix: S::ENV_PREFIX,
    };
    let config = match read_config::<S>(&args, &source) {
        Ok(config) => config,
        Err(error) => return fail::<S>(&error),
    };
    if args.check {
        eprintln!("{}: configuration is valid", S::NAME);
        return ExitCode::SUCCESS;
    }
    let settings = config.service().clone();
    if args.probe {
        return match probe::ready(settings.admin_listen) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("{}: {reason}", S::NAME);
                ExitCode::FAILURE
            }
        };
    }
    let filter = settings.log_filter.as_deref().unwrap_or(S::DEFAULT_LOG_FILTER);
    crate::init_tracing(args.log_format.unwrap_or(settings.log_format), filter);
    let sockets = Sockets::from_environment(S::HANDS_OVER);
    let runtime = match runtime::<S>() {
        Ok(runtime) => runtime,
        Err(error) => return fail::<S>(&error),
    };
    let code = runtime.block_on(live::<S>(config, source, sockets));
    // Tasks that outlived the drain are cut here and not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    code
}

fn read_config<S: Service>(args: &Args, source: &ConfigSource) -> Result<S::Config, StartError> {
    if !args.probe {
        return source.read_checked();
    }
    // A probe needs the admin address and no more. It runs every few seconds, and must
    // neither read what the service has long since read nor fail because of an edit.
    let config: S::Config = source.read()?;
    config.service().check()?;
    Ok(config)
}

fn runtime<S: Service>() -> Result<Runtime, StartError> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = S::RUNTIME_THREADS {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().map_err(|source| StartError::System {
        what: "cannot start the runtime",
        source,
    })
}

async fn live<S: Service>(
    config: S::Config,
    source: ConfigSource,
    (sockets, predecessor): (Sockets, Option<UnixDatagram>),
) -> ExitCode {
    let settings = config.service().clone();
    let shutdown = Shutdown::new(settings.drain_deadline());
    let readiness = Readiness::default();
    let mut context = Context::with_source(S::NAME, source);
    context.readiness = readiness.clone();
    context.sockets = sockets.clone();
    let start = async {
        shutdown.on_signals(readiness.clone())?;
        let asked = if S::HANDS_OVER { Some(handover::asked()?) } else { None };
        let program = Program::of_this_process().map_err(system("cannot tell which program this is"))?;
        let admin = sockets.bind(settings.admin_listen, "service.admin_listen")?;
        let admin = TcpListener::from_std(admin).map_err(system("cannot hand a listener to the runtime"))?;
        if let Ok(addr) = admin.local_addr() {
            listening("admin", addr);
        }
        let service = S::build(config, &mut context).await?;
        sockets.close_unwanted();
        Ok::<_, StartError>((service, admin, asked, program))
    };
    let (service, admin, asked, program) = match start.await {
        Ok(parts) => parts,
        Err(error) => return fail::<S>(&error),
    };
    tokio::spawn(serve_admin(admin, context.freeze(), shutdown.clone()));
    tokio::spawn(tell_when_ready(readiness, predecessor));
    if let Some(asked) = asked {
        let handover = Handover {
            program,
            sockets,
            shutdown: shutdown.clone(),
            deadline: settings.handover_deadline(),
        };
        tokio::spawn(handover.on(asked));
    }

    let running = service.run(shutdown.clone());
    // The service keeps its deadline itself; this is the net below it.
    let overdue = async {
        shutdown.begun().await;
        tokio::time::sleep(shutdown.deadline() + Duration::from_secs(2)).await;
    };
    tokio::select! {
        ended = running => match ended {
            Ok(()) => {
                info!("stopped");
                ExitCode::SUCCESS
            }
            Err(error) => {
                error!(%error, "failed");
                ExitCode::FAILURE
            }
        },
        () = overdue => {
            warn!("drain deadline passed: what was still in flight is cut");
            ExitCode::FAILURE
        }
    }
}

/// Of a process and its successor one answers: the one that serves.
async fn serve_admin(listener: TcpListener, context: Arc<Context>, shutdown: Shutdown) {
    if context.sockets.take_over() {
        context.readiness.announced().await;
    }
    tokio::select! {
        () = admin::serve(listener, context) => {}
        () = shutdown.handed_over() => {}
    }
}

async fn tell_when_ready(readiness: Readiness, predecessor: Option<UnixDatagram>) {
    readiness.announced().await;
    notify("READY=1");
    if let Some(predecessor) = predecessor {
        handover::tell(&predecessor);
    }
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

fn fail<S: Service>(error: &StartError) -> ExitCode {
    eprintln!("{}: {error}", S::NAME);
    ExitCode::FAILURE
}
