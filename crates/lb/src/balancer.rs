//! The balancer as a service: bind, start, serve, drain.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use service::{Context, Latch, RunError, Service, Shutdown, StartError, bind_tcp, listening};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::access_log::AccessLog;
use crate::config::Config;
use crate::drain::{self, Stage};
use crate::metrics::Export;
use crate::pool::discovery;
use crate::shared::Shared;
use crate::status::status;
use crate::threads::Threads;

/// At the end the last lines of the access log are waited for this long.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The load balancer.
pub struct LoadBalancer {
    shared: Arc<Shared>,
    listeners: Vec<TcpListener>,
    address: SocketAddr,
    latch: Latch,
}

impl LoadBalancer {
    /// Where clients connect: the configured address with port 0 resolved.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Service for LoadBalancer {
    const NAME: &'static str = "radiodeck-lb";
    const ENV_PREFIX: &'static str = "RADIODECK_LB";
    const ABOUT: &'static str = "The HTTP load balancer of Radiodeck: routes by host, checks its servers, and loses no \
        safe request when one of them dies.\n\n\
        Alone, in front of two servers, without any file:\n\n  \
        RADIODECK_LB__POOLS='[{ name = \"app\", servers = [\"127.0.0.1:8000\", \"127.0.0.1:8001\"] }]' \\\n  \
        RADIODECK_LB__ROUTES='[{ host = \"*\", pool = \"app\" }]' radiodeck-lb\n\n\
        It listens on 127.0.0.1:8080. config/lb.toml explains every key. GET /.lb/health on any host answers whether \
        this balancer wants traffic. SIGHUP reads the file again. SIGTERM drains it.";
    type Config = Config;
    // Checks, discovery and the admin listener; requests run on the workers.
    const RUNTIME_THREADS: Option<usize> = Some(1);

    async fn build(config: Config, context: &mut Context) -> Result<Self, StartError> {
        raise_descriptor_limit();
        let (listeners, address) = bind(&config)?;
        let log = AccessLog::start().map_err(system("cannot start the thread of the access log"))?;
        log.switch(AccessLog::open(&config.access_log)?);
        let shared = Arc::new(Shared::new(config, vec![("http", address)], log));
        context.metrics.register_collector(Box::new(Export(shared.clone())));
        let seen = shared.clone();
        context.status("lb", move || status(&seen));
        let reloaded = shared.clone();
        context.on_reload(move |config| reloaded.reload(config))?;
        listening("http", address);
        Ok(Self {
            latch: context.readiness.latch("a healthy server in every pool"),
            shared,
            listeners,
            address,
        })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), RunError> {
        let Self {
            shared,
            listeners,
            latch,
            ..
        } = self;
        for pool in &shared.plan().pools {
            tokio::spawn(discovery::run(pool.clone()));
        }
        tokio::spawn(hold_until_healthy(shared.clone(), latch));
        info!(workers = listeners.len(), "serving");
        let (stage, stages) = watch::channel(Stage::Serving);
        let mut threads = Threads::start(&shared, listeners, &stages).map_err(|error| RunError::Ended {
            what: "the workers".into(),
            message: error.to_string(),
        })?;
        tokio::select! {
            error = threads.failed() => return Err(error),
            () = shutdown.begun() => {}
        }
        drain::drain(&shared, &shutdown, &stage, &mut threads).await;
        let log = shared.access_log.clone();
        // A panic there is no reason to end otherwise.
        let _written = tokio::task::spawn_blocking(move || log.flush(LAST_LINES)).await;
        Ok(())
    }
}

/// Ready means that a request would be answered.
async fn hold_until_healthy(shared: Arc<Shared>, latch: Latch) {
    let healthy = |pool: &Arc<crate::pool::Pool>| pool.members().iter().any(|server| server.is_in_rotation());
    while !shared.plan().pools.iter().all(healthy) {
        sleep(Duration::from_millis(20)).await;
    }
    drop(latch);
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

/// One listener a worker, all on one address.
fn bind(config: &Config) -> Result<(Vec<TcpListener>, SocketAddr), StartError> {
    if config.listen.port() != 0 {
        // Another balancer shares its port with us without an error, and would
        // take half of the connections. Nobody may hold it at all.
        drop(bind_tcp(config.listen, false, "listen")?);
    }
    let mut address = config.listen;
    let mut listeners = Vec::new();
    for _ in 0..config.worker_count() {
        let listener = bind_tcp(address, true, "listen")?;
        address = listener.local_addr().map_err(system("cannot read the bound address"))?;
        listeners.push(
            listener
                .into_std()
                .map_err(system("cannot move a listener to its worker"))?,
        );
    }
    Ok((listeners, address))
}

/// A connection each way is two descriptors a request; the usual soft limit of
/// 1024 is for programs that use select.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!(%error, "the limit of open files stays as it is");
    }
}
