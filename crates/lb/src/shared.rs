//! What all threads of a balancer share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use service::{ConfigError, Sockets};

use crate::access_log::AccessLog;
use crate::addresses::Addresses;
use crate::config::Config;
use crate::descriptors;
use crate::metrics::WorkerStats;
use crate::overload::Tally;
use crate::plan::Plan;
use crate::pool::discovery;
use crate::tls::Tls;

/// One balancer.
#[derive(Debug)]
pub(crate) struct Shared {
    plan: ArcSwap<Plan>,
    /// The plan's, apart from it so that a look at it costs one load.
    generation: AtomicU64,
    /// A row a worker.
    pub(crate) workers: Box<[WorkerStats]>,
    /// Requests whose answer is not out yet.
    pub(crate) requests: Tally,
    pub(crate) access_log: Arc<AccessLog>,
    /// Client connections open now.
    pub(crate) connections: AtomicUsize,
    /// As many as there can be with the descriptors that this process has.
    pub(crate) most_connections: usize,
    /// Those open now by client address.
    pub(crate) addresses: Addresses,
    /// Where clients connect without TLS.
    pub(crate) address: SocketAddr,
    /// If HTTPS is served.
    pub(crate) tls: Option<Tls>,
    /// Copies of the listeners, for a successor.
    pub(crate) sockets: Sockets,
    draining: AtomicBool,
    withdrawn: AtomicBool,
}

/// How a balancer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// Its addresses are closed soon.
    Withdrawn,
    /// Another process serves its addresses.
    Succeeded,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        address: SocketAddr,
        tls: Option<Tls>,
        access_log: Arc<AccessLog>,
        sockets: Sockets,
    ) -> Self {
        let plan = Plan::first(config);
        Self {
            workers: (0..plan.config.worker_count())
                .map(|_| WorkerStats::default())
                .collect(),
            requests: Tally::new(plan.config.worker_count()),
            access_log,
            connections: AtomicUsize::new(0),
            most_connections: descriptors::for_clients(),
            addresses: Addresses::default(),
            address,
            tls,
            sockets,
            draining: AtomicBool::new(false),
            withdrawn: AtomicBool::new(false),
            generation: AtomicU64::new(plan.generation),
            plan: ArcSwap::from_pointee(plan),
        }
    }

    /// The plan as it is now.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// The plan's generation: cheap to ask at every request.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Makes a plan of `config` and puts it in force. Not for two callers at once.
    ///
    /// # Errors
    /// What cannot be changed while it runs; nothing has changed then.
    pub(crate) fn reload(&self, config: Config) -> Result<String, ConfigError> {
        let old = self.plan();
        // Whatever can fail comes first, and certificates last: nothing that comes
        // behind them can be refused.
        old.refuse_fixed(&config)?;
        let log = AccessLog::open(&config.access_log)?;
        if let Some(tls) = &self.tls {
            tls.reload(&config.tls)?;
        }
        let new = Arc::new(old.next(config));
        self.access_log.switch(log);
        let generation = new.generation;
        for pool in new.pools_beside(&old) {
            discovery::start(pool);
        }
        self.plan.store(new.clone());
        self.generation.store(generation, Ordering::Release);
        let ended = old.pools_beside(&new);
        ended.for_each(|pool| pool.close());
        let changed = new.pools_beside(&old).count();
        Ok(format!(
            "generation {generation}, {} routes, {} pools, {changed} of them new or changed",
            new.config.routes.len(),
            new.pools.len(),
        ))
    }

    /// Whether clients shall not come back on their connections.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether clients shall not come to this address any more.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Relaxed)
    }

    pub(crate) fn set_draining(&self, leaving: Leaving) {
        self.withdrawn.store(leaving == Leaving::Withdrawn, Ordering::Relaxed);
        self.draining.store(true, Ordering::Relaxed);
    }
}
