//! The balancer as a service: bind, start, serve, drain.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use service::{Context, Latch, RunError, Service, Shutdown, StartError, listening};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::access_log::AccessLog;
use crate::config::Config;
use crate::descriptors;
use crate::drain::{self, Stage};
use crate::listeners::Bound;
use crate::metrics::Export;
use crate::operator;
use crate::pool::discovery;
use crate::shared::Shared;
use crate::status::status;
use crate::threads::Threads;
use crate::tls::Tls;

/// At the end the last lines of the access log are waited for this long.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The load balancer.
pub struct LoadBalancer {
    shared: Arc<Shared>,
    /// A group a worker.
    listeners: Vec<Vec<Bound>>,
    address: SocketAddr,
    latch: Latch,
    /// Whether another process serves until this one is ready.
    takes_over: bool,
}

impl LoadBalancer {
    /// Where clients connect: the configured address with port 0 resolved.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients connect with TLS, if they can.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.shared.tls.as_ref().map(|tls| tls.address)
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
        this balancer wants traffic. SIGHUP reads the file again. SIGTERM drains it. SIGUSR2 starts the program anew, \
        as it is on disk by then, hands the listening sockets over to it, and drains.";
    type Config = Config;
    // Checks, discovery and the admin listener; requests run on the workers.
    const RUNTIME_THREADS: Option<usize> = Some(1);
    const HANDS_OVER: bool = true;

    async fn build(config: Config, context: &mut Context) -> Result<Self, StartError> {
        descriptors::raise_limit();
        let workers = config.worker_count();
        let mut listeners: Vec<Vec<Bound>> = Vec::new();
        listeners.resize_with(workers, Vec::new);
        let mut bind = |listen, key, secure| {
            let bound = context.sockets.bind_for_workers(listen, workers, key)?;
            let address = bound.first().map_or(Ok(listen), TcpListener::local_addr);
            for (index, listener) in bound.into_iter().enumerate() {
                listeners[index % workers].push((listener, secure));
            }
            address.map_err(system("cannot read the bound address"))
        };
        let address = bind(config.listen, "listen", false)?;
        let tls = match config.tls.listen {
            Some(listen) => Some(Tls::new(&config.tls, bind(listen, "tls.listen", true)?)?),
            None => None,
        };
        let log = AccessLog::start().map_err(system("cannot start the thread of the access log"))?;
        log.switch(AccessLog::open(&config.access_log)?);
        let shared = Arc::new(Shared::new(config, address, tls, log, context.sockets.clone()));
        let (wanted, most) = (shared.plan().client.max_connections, shared.most_connections);
        if wanted > most {
            info!(
                wanted,
                most, "client.max_connections is bounded by the limit of open files (ulimit -n)"
            );
        }
        context.metrics.register_collector(Box::new(Export(shared.clone())));
        let seen = shared.clone();
        context.status("lb", move || status(&seen));
        let reloaded = shared.clone();
        context.on_reload(move |config| reloaded.reload(config))?;
        operator::register(context, &shared);
        listening("http", address);
        if let Some(tls) = &shared.tls {
            listening("https", tls.address);
        }
        Ok(Self {
            takes_over: context.sockets.take_over(),
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
            takes_over,
            ..
        } = self;
        for pool in &shared.plan().pools {
            discovery::start(pool);
        }
        tokio::spawn(reread_certificates(shared.clone()));
        if takes_over {
            // Whoever is served until then is served by one who knows its servers.
            tokio::select! {
                () = healthy(&shared) => {}
                () = shutdown.begun() => return Ok(()),
            }
        }
        info!(workers = listeners.len(), "serving");
        let (stage, stages) = watch::channel(Stage::Serving);
        let mut threads = Threads::start(&shared, listeners, &stages).map_err(|error| RunError::Ended {
            what: "the workers".into(),
            message: error.to_string(),
        })?;
        let ready = shared.clone();
        tokio::spawn(async move {
            healthy(&ready).await;
            drop(latch);
        });
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

/// Resolves when a request would be answered, whichever pool it is for.
async fn healthy(shared: &Shared) {
    let healthy = |pool: &Arc<crate::pool::Pool>| pool.members().iter().any(|server| server.is_in_rotation());
    while !shared.plan().pools.iter().all(healthy) {
        sleep(Duration::from_millis(20)).await;
    }
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

/// Certificates are renewed by others, who need not know of this process.
async fn reread_certificates(shared: Arc<Shared>) {
    let Some(tls) = &shared.tls else { return };
    let mut complaint = None;
    loop {
        sleep(Duration::from_millis(tls.now().config.reread_ms)).await;
        let reader = shared.clone();
        let reread = move || reader.tls.as_ref().map_or(Ok(()), Tls::reread);
        let Ok(result) = tokio::task::spawn_blocking(reread).await else {
            continue;
        };
        // Said once: a file may be wrong for long, or half of a pair be written.
        let new = result.err().map(|error| error.to_string());
        if let Some(error) = &new
            && complaint != new
        {
            warn!(%error, "certificates stay as they are");
        }
        complaint = new;
    }
}
