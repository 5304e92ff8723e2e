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
use crate::descriptors;
use crate::drain::{self, Stage};
use crate::metrics::Export;
use crate::operator;
use crate::pool::discovery;
use crate::shared::Shared;
use crate::status::status;
use crate::threads::Threads;
use crate::tls::Tls;
use crate::worker::Listeners;

/// At the end the last lines of the access log are waited for this long.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The load balancer.
pub struct LoadBalancer {
    shared: Arc<Shared>,
    listeners: Vec<Listeners<TcpListener>>,
    address: SocketAddr,
    latch: Latch,
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
        this balancer wants traffic. SIGHUP reads the file again. SIGTERM drains it.";
    type Config = Config;
    // Checks, discovery and the admin listener; requests run on the workers.
    const RUNTIME_THREADS: Option<usize> = Some(1);

    async fn build(config: Config, context: &mut Context) -> Result<Self, StartError> {
        descriptors::raise_limit();
        let workers = config.worker_count();
        let (http, address) = bind(config.listen, "listen", workers)?;
        let (https, tls) = match config.tls.listen {
            Some(listen) => {
                let (listeners, address) = bind(listen, "tls.listen", workers)?;
                (listeners, Some(Tls::new(&config.tls, address)?))
            }
            None => (Vec::new(), None),
        };
        let mut https = https.into_iter();
        let pair = |http| Listeners {
            http,
            https: https.next(),
        };
        let listeners = http.into_iter().map(pair).collect();
        let log = AccessLog::start().map_err(system("cannot start the thread of the access log"))?;
        log.switch(AccessLog::open(&config.access_log)?);
        let shared = Arc::new(Shared::new(config, address, tls, log));
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
            discovery::start(pool);
        }
        tokio::spawn(hold_until_healthy(shared.clone(), latch));
        tokio::spawn(reread_certificates(shared.clone()));
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

/// One listener a worker, all on one address.
fn bind(listen: SocketAddr, key: &'static str, workers: usize) -> Result<(Vec<TcpListener>, SocketAddr), StartError> {
    if listen.port() != 0 {
        // Another balancer shares its port with us without an error, and would
        // take half of the connections. Nobody may hold it at all.
        drop(bind_tcp(listen, false, key)?);
    }
    let mut address = listen;
    let mut listeners = Vec::new();
    for _ in 0..workers {
        let listener = bind_tcp(address, true, key)?;
        address = listener.local_addr().map_err(system("cannot read the bound address"))?;
        listeners.push(
            listener
                .into_std()
                .map_err(system("cannot move a listener to its worker"))?,
        );
    }
    Ok((listeners, address))
}
