//! The service: binds, starts workers, ends them.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::available_parallelism;

use service::{Context, RunError, Service, Shutdown, StartError, bind_tcp, bind_udp, listening};
use tokio::net::{TcpListener, UdpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::config::Config;
use crate::generation::Store;
use crate::handler::Handler;
use crate::metrics::Metrics;
use crate::reload;
use crate::status::{self, Listener};
use crate::steering::Steering;
use crate::transport::{Exchange, tcp, udp};

/// How often a port that is free for TCP and taken for UDP is given up for another.
const PORT_TRIES: usize = 16;

/// The name server.
#[derive(Debug)]
pub struct NameServer {
    exchange: Arc<Exchange>,
    udp: Vec<Arc<UdpSocket>>,
    tcp: Vec<Arc<TcpListener>>,
    limits: tcp::Limits,
    store: Arc<Store>,
    steering: Arc<Steering>,
    metrics: Metrics,
    hangup: Signal,
}

impl NameServer {
    /// Addresses that are answered on, UDP and TCP alike, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }

    /// The zones, for whoever runs the server within a process of its own.
    #[must_use]
    pub fn store(&self) -> Arc<Store> {
        self.store.clone()
    }
}

impl Service for NameServer {
    const NAME: &'static str = "radiodeck-dns";
    const ENV_PREFIX: &'static str = "RADIODECK_DNS";
    const ABOUT: &'static str = "\
Authoritative name server: answers by UDP and TCP for the zones it is given, from
standard zone files, and refuses everything else. It resolves nothing for anybody.

Alone, with a zone file radiodeck.si.zone in the folder ./zones:

  RADIODECK_DNS__ZONE_DIR=zones RADIODECK_DNS__ZONES='[{ origin = \"radiodeck.si\" }]' radiodeck-dns
  dig @127.0.0.1 -p 5300 www.radiodeck.si

or with --config FILE; config/dns.toml explains every key. Any key can be given in
the environment: RADIODECK_DNS__UDP__WORKERS=2, lists and tables in TOML.

--check reads the zone files too and names file, line and reason. SIGHUP reads
them again: all are swapped at once, or none is, and no query is lost. SIGTERM ends
the server after what it has received is answered.";
    // hickory warns of what it finds odd in a message, so anybody could fill the log.
    const DEFAULT_LOG_FILTER: &'static str = "info,hickory_proto=error,hickory_server=error";
    type Config = Config;

    async fn build(mut config: Config, context: &mut Context) -> Result<Self, StartError> {
        // From here on a SIGHUP no longer ends the process.
        let hangup = signal(SignalKind::hangup()).map_err(|source| StartError::System {
            what: "cannot listen for SIGHUP",
            source,
        })?;
        let sources = config.sources()?;
        let zones = match config.take_checked() {
            Some(zones) => zones,
            None => config.load()?,
        };
        for zone in zones.zones() {
            info!(zone = %zone.origin(), serial = zone.serial(), records = zone.records(), "zone loaded");
        }
        let store = Arc::new(Store::new(sources, config.steering.names()?, zones));
        let views = Arc::new(config.views());
        let metrics = Metrics::register(&mut context.metrics);
        let steering = Arc::new(Steering::new(&config.steering, &mut context.metrics));
        steering.expose(context);

        let workers = match config.udp.workers {
            0 => available_parallelism().map_or(1, Into::into),
            workers => workers,
        };
        let (mut udp, mut tcp, mut listeners) = (Vec::new(), Vec::new(), Vec::new());
        for addr in &config.listen {
            let (listener, sockets, bound) = bind(*addr, workers)?;
            for what in ["dns-udp", "dns-tcp"] {
                listening(what, bound);
                listeners.push(Listener { what, addr: bound });
            }
            tcp.push(Arc::new(listener));
            udp.extend(sockets.into_iter().map(Arc::new));
        }
        status::register(context, &store, &views, listeners);

        let handler = Handler::new(store.clone(), views, steering.clone(), config.udp.max_answer_bytes);
        Ok(Self {
            exchange: Arc::new(Exchange::new(handler, metrics.clone())),
            udp,
            tcp,
            limits: config.tcp.limits(),
            store,
            steering,
            metrics,
            hangup,
        })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), RunError> {
        // What comes meanwhile waits in the sockets, for a probe's deadline at most.
        tokio::select! {
            () = self.steering.first_round() => {}
            () = shutdown.begun() => {}
        }
        let probes = tokio::spawn(self.steering.watch());
        let mut workers = JoinSet::new();
        for socket in self.udp {
            let (exchange, token) = (self.exchange.clone(), shutdown.clone());
            let start = move || udp::serve(socket.clone(), exchange.clone(), token.clone());
            workers.spawn(keep("UDP worker", start, self.metrics.clone(), shutdown.clone()));
        }
        let server = tcp::Server::new(self.exchange.clone(), self.limits);
        for listener in self.tcp {
            let (server, token) = (server.clone(), shutdown.clone());
            let start = move || server.clone().serve(listener.clone(), token.clone());
            workers.spawn(keep("TCP listener", start, self.metrics.clone(), shutdown.clone()));
        }
        let reloads = tokio::spawn(reload::on(self.hangup, self.store, self.metrics));

        let all = async {
            while let Some(ended) = workers.join_next().await {
                ended.map_err(|error| RunError::Ended {
                    what: "a worker".into(),
                    message: error.to_string(),
                })??;
            }
            Ok(())
        };
        let overdue = async {
            shutdown.begun().await;
            tokio::time::sleep(shutdown.deadline()).await;
        };
        let result = tokio::select! {
            result = all => result,
            () = overdue => {
                warn!("drain deadline passed: connections that are left are cut");
                Ok(())
            }
        };
        reloads.abort();
        probes.abort();
        result
    }
}

/// Runs a worker until the shutdown; one that a fault of ours has ended is started again.
async fn keep<F>(
    what: &'static str,
    start: impl Fn() -> F,
    metrics: Metrics,
    shutdown: Shutdown,
) -> Result<(), RunError>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        match tokio::spawn(start()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(source)) => {
                let what = what.into();
                return Err(RunError::Failed { what, source });
            }
            Err(fault) => {
                error!(what, error = %fault, "ended by a fault of ours: starting it again");
                metrics.restarts.inc();
                // A fault at every query shall not fill the log.
                let _begun = timeout(std::time::Duration::from_millis(100), shutdown.begun()).await;
            }
        }
    }
}

/// One TCP listener and `workers` UDP sockets on the same address. TCP comes
/// first and shares its port with nobody, so that a second server on the same
/// address fails instead of taking half of the queries.
fn bind(addr: SocketAddr, workers: usize) -> Result<(TcpListener, Vec<UdpSocket>, SocketAddr), StartError> {
    let mut tries = if addr.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let listener = bind_tcp(addr, false, "listen")?;
        let bound = listener.local_addr().map_err(|source| StartError::Bind {
            addr,
            key: "listen",
            source,
        })?;
        let sockets: Result<Vec<_>, _> = (0..workers).map(|_| bind_udp(bound, true, "listen")).collect();
        match sockets {
            Ok(sockets) => {
                sockets.iter().for_each(udp::widen);
                return Ok((listener, sockets, bound));
            }
            Err(error) if tries == 0 => return Err(error),
            Err(_) => {}
        }
    }
}
