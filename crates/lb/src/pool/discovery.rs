//! Finds the servers of a pool and keeps looking. Runs on the main runtime, so
//! that a slow resolver holds no request up.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tracing::{info, warn};

use super::Pool;
use crate::check;
use crate::config::ServerSource;

/// How often ejections and drained servers are looked after.
const HOUSEKEEPING: Duration = Duration::from_millis(50);

/// One source and what it named last. A lookup that fails leaves that as it is:
/// a name server that is down must not take the site with it.
struct Source {
    source: ServerSource,
    addresses: BTreeSet<SocketAddr>,
    /// A lookup that has not come back; there is never more than one, so slow
    /// resolvers do not pile up threads.
    pending: Option<JoinHandle<std::io::Result<BTreeSet<SocketAddr>>>>,
    failing: bool,
}

/// Keeps `pool` up to date for as long as the process lives.
pub(crate) async fn run(pool: Arc<Pool>) {
    let every = Duration::from_millis(pool.config.discovery_interval_ms);
    let mut sources: Vec<Source> = pool.config.servers.iter().cloned().map(Source::new).collect();
    let mut lookups = interval(every);
    lookups.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut housekeeping = interval(HOUSEKEEPING);
    housekeeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = housekeeping.tick() => pool.tick(),
            _ = lookups.tick() => {
                // All sources share one deadline, so that one that hangs does
                // not slow the others down.
                let deadline = Instant::now() + every;
                for source in &mut sources {
                    source.look_up(&pool, deadline).await;
                }
                let addresses: BTreeSet<SocketAddr> =
                    sources.iter().flat_map(|source| source.addresses.iter().copied()).collect();
                let addresses: Vec<SocketAddr> = addresses.into_iter().collect();
                for server in pool.set_addresses(&addresses) {
                    tokio::spawn(check::run(pool.clone(), server));
                }
            }
        }
    }
}

impl Source {
    fn new(source: ServerSource) -> Self {
        let mut addresses = BTreeSet::new();
        if let ServerSource::Address(address) = source {
            addresses.insert(address);
        }
        Self {
            source,
            addresses,
            pending: None,
            failing: false,
        }
    }

    async fn look_up(&mut self, pool: &Pool, deadline: Instant) {
        let ServerSource::Dns { name, port } = &self.source else {
            return;
        };
        let mut pending = match self.pending.take() {
            Some(pending) => pending,
            None => {
                let (name, port) = (name.clone(), *port);
                tokio::spawn(async move {
                    let addresses = tokio::net::lookup_host((name.as_str(), port)).await?;
                    Ok(addresses.collect::<BTreeSet<_>>())
                })
            }
        };
        let result = match timeout_at(deadline, &mut pending).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(std::io::Error::other(error)),
            Err(_) => {
                self.pending = Some(pending);
                Err(std::io::ErrorKind::TimedOut.into())
            }
        };
        let pool = pool.config.name.as_str();
        match result {
            Ok(addresses) if !addresses.is_empty() => {
                if std::mem::take(&mut self.failing) {
                    info!(pool, name, "name found again");
                }
                self.addresses = addresses;
            }
            failure => {
                // Said once and not every second.
                if !std::mem::replace(&mut self.failing, true) {
                    let error = failure.err().map_or("no address".into(), |error| error.to_string());
                    warn!(pool, name, %error, known = self.addresses.len(), "name not found: keeping what is known");
                }
            }
        }
    }
}
