//! What all threads of a balancer share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::addresses::Addresses;
use crate::config::Config;
use crate::metrics::WorkerStats;
use crate::pool::Pool;
use crate::route::Routes;

/// One balancer.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) routes: Routes,
    /// In the order of the configuration; routes name them by index.
    pub(crate) pools: Vec<Arc<Pool>>,
    /// A row a worker.
    pub(crate) workers: Box<[WorkerStats]>,
    /// Client connections open now.
    pub(crate) connections: AtomicUsize,
    /// The same by client address.
    pub(crate) addresses: Addresses,
    draining: AtomicBool,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        let workers = config.worker_count();
        Self {
            routes: Routes::new(&config),
            pools: config
                .pools
                .iter()
                .map(|pool| Arc::new(Pool::new(pool.clone(), workers)))
                .collect(),
            workers: (0..workers).map(|_| WorkerStats::default()).collect(),
            connections: AtomicUsize::new(0),
            addresses: Addresses::new(config.client.max_connections_per_address),
            draining: AtomicBool::new(false),
            config,
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}
