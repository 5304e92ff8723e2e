//! Finds the servers of a pool and keeps looking. Runs on the main runtime, so
//! that a slow resolver holds no request up.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use super::Pool;
use crate::check;
use crate::config::ServerSource;

/// How often ejections and drained servers are looked after.
const HOUSEKEEPING: Duration = Duration::from_millis(50);

/// All addresses of a name.
type Found = BTreeSet<SocketAddr>;

/// One name and what is known of it. Looked up by a task of its own, so that one
/// that hangs holds neither the others nor the housekeeping up.
struct Source {
    name: String,
    port: u16,
    /// A lookup that has not come back; there is never more than one, so slow
    /// resolvers do not pile up threads.
    pending: Option<JoinHandle<io::Result<Found>>>,
    failing: bool,
}

/// Puts the servers into `pool` that need no looking up, and keeps it up to date
/// until it is out of the plan.
pub(crate) fn start(pool: &Arc<Pool>) {
    let keeping = keep(pool.clone(), async |name: String, port| {
        let addresses = tokio::net::lookup_host((name.as_str(), port)).await?;
        Ok(addresses.collect())
    });
    let pool = pool.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = keeping => {}
            () = pool.closed() => {}
        }
    });
}

/// The same with any way to look a name up. What is known beforehand is in the
/// pool when this returns: a plan must not come into force with a pool that has
/// none of its servers yet, or those of the plan before.
fn keep<L, F>(pool: Arc<Pool>, lookup: L) -> impl Future<Output = ()> + Send + 'static
where
    L: Fn(String, u16) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = io::Result<Found>> + Send + 'static,
{
    let sources = &pool.config.servers;
    let mut known: Vec<Option<Found>> = vec![None; sources.len()];
    let (found, finds) = mpsc::channel(sources.len().max(1));
    for (index, source) in sources.iter().enumerate() {
        match &source.address {
            ServerSource::Address(address) => known[index] = Some(Found::from([*address])),
            ServerSource::Dns { name, port } => {
                let source = Source {
                    name: name.clone(),
                    port: *port,
                    pending: None,
                    failing: false,
                };
                tokio::spawn(source.watch(pool.clone(), lookup.clone(), index, found.clone()));
            }
        }
    }
    // Servers that were taken over from the pool before are known already.
    let mut taken_over = BTreeMap::new();
    for server in pool.members() {
        taken_over.insert(server.address, server.weight());
        tokio::spawn(check::run(pool.clone(), server));
    }
    apply(&pool, &known, &taken_over);
    take_in(pool, known, taken_over, finds)
}

/// Takes in what lookups find, and keeps house.
async fn take_in(
    pool: Arc<Pool>,
    mut known: Vec<Option<Found>>,
    taken_over: BTreeMap<SocketAddr, u32>,
    mut finds: mpsc::Receiver<(usize, Found)>,
) {
    let mut housekeeping = interval(HOUSEKEEPING);
    housekeeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = housekeeping.tick() => pool.tick(),
            Some((index, addresses)) = finds.recv() => {
                // A lookup that fails sends nothing and so changes nothing: a
                // name server that is down must not take the site with it.
                known[index] = Some(addresses);
                apply(&pool, &known, &taken_over);
            }
        }
    }
}

/// Gives the pool what has been found. While a name has not been looked up once,
/// nobody can say that a server which was taken over is gone.
fn apply(pool: &Arc<Pool>, known: &[Option<Found>], taken_over: &BTreeMap<SocketAddr, u32>) {
    let mut all = BTreeMap::new();
    for (source, addresses) in pool.config.servers.iter().zip(known) {
        for address in addresses.iter().flatten() {
            // What is found in two ways has the weight of the first.
            all.entry(*address).or_insert(source.weight);
        }
    }
    if known.iter().any(Option::is_none) {
        for (address, weight) in taken_over {
            all.entry(*address).or_insert(*weight);
        }
    }
    for server in pool.set_addresses(&all) {
        tokio::spawn(check::run(pool.clone(), server));
    }
}

impl Source {
    /// Looks up again and again; ends when nobody listens any more.
    async fn watch<L, F>(mut self, pool: Arc<Pool>, lookup: L, index: usize, found: mpsc::Sender<(usize, Found)>)
    where
        L: Fn(String, u16) -> F,
        F: Future<Output = io::Result<Found>> + Send + 'static,
    {
        let every = Duration::from_millis(pool.config.discovery_interval_ms);
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = None;
        loop {
            ticks.tick().await;
            let pending = self.pending.take();
            let mut pending = pending.unwrap_or_else(|| tokio::spawn(lookup(self.name.clone(), self.port)));
            let result = match timeout(every, &mut pending).await {
                Ok(Ok(result)) => result,
                Ok(Err(error)) => Err(io::Error::other(error)),
                Err(_) => {
                    self.pending = Some(pending);
                    Err(io::ErrorKind::TimedOut.into())
                }
            };
            let Some(addresses) = self.judge(&pool.config.name, result, last.as_ref()) else {
                continue;
            };
            if last.as_ref() != Some(&addresses) {
                last = Some(addresses.clone());
                if found.send((index, addresses)).await.is_err() {
                    return;
                }
            }
        }
    }

    /// What a lookup has found. A failure is told of once and not every second.
    fn judge(&mut self, pool: &str, result: io::Result<Found>, known: Option<&Found>) -> Option<Found> {
        let name = &self.name;
        match result {
            Ok(addresses) if !addresses.is_empty() => {
                if std::mem::take(&mut self.failing) {
                    info!(pool, name, "name found again");
                }
                Some(addresses)
            }
            failure => {
                if !std::mem::replace(&mut self.failing, true) {
                    let error = failure.err().map_or("no address".into(), |error| error.to_string());
                    let known = known.map_or(0, BTreeSet::len);
                    warn!(pool, name, %error, known, "name not found: keeping what is known");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::config::PoolConfig;
    use crate::pool::in_flight::InFlight;

    #[tokio::test]
    async fn a_server_that_was_taken_over_stays_until_every_name_was_looked_up() {
        let config = PoolConfig {
            servers: vec![
                ServerSource::Dns {
                    name: "slow".into(),
                    port: 80,
                }
                .into(),
            ],
            discovery_interval_ms: 20,
            ..PoolConfig::default()
        };
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let old = Pool::new(config.clone(), 1);
        old.set_addresses(&BTreeMap::from([(address(1), 1), (address(2), 1)]));
        let pool = Arc::new(old.successor(config));
        let release = Arc::new(tokio::sync::Notify::new());
        let answer = release.clone();
        let keeping = tokio::spawn(keep(pool.clone(), move |_, _| {
            let answer = answer.clone();
            async move {
                answer.notified().await;
                Ok(Found::from([address(2)]))
            }
        }));
        tokio::time::sleep(HOUSEKEEPING * 3).await;
        assert!(pool.members().iter().all(|server| !server.is_leaving()));
        let waited = timeout(Duration::from_secs(20), async {
            while pool.members().len() != 1 {
                release.notify_one();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "{:?}", pool.members());
        keeping.abort();
    }

    #[tokio::test]
    async fn a_server_whose_address_is_gone_stays_until_its_last_answer_is_out() {
        let config = PoolConfig {
            servers: vec![
                ServerSource::Dns {
                    name: "moves".into(),
                    port: 80,
                }
                .into(),
            ],
            discovery_interval_ms: 20,
            ..PoolConfig::default()
        };
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let pool = Arc::new(Pool::new(config, 1));
        let moved = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let asked = moved.clone();
        let keeping = tokio::spawn(keep(pool.clone(), move |_, _| {
            let port = if asked.load(Ordering::Relaxed) { 2 } else { 1 };
            async move { Ok(Found::from([address(port)])) }
        }));
        let addresses = || pool.members().iter().map(|server| server.address).collect::<Vec<_>>();
        let until = async |wanted: &[SocketAddr]| {
            while addresses() != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let patience = Duration::from_secs(20);
        timeout(patience, until(&[address(1)])).await.expect("found");
        let place = InFlight::begin(&pool.members()[0]).expect("a place");
        moved.store(true, Ordering::Relaxed);
        timeout(patience, until(&[address(1), address(2)]))
            .await
            .expect("found");
        tokio::time::sleep(HOUSEKEEPING * 3).await;
        assert!(pool.members()[0].is_leaving());
        drop(place);
        timeout(patience, until(&[address(2)])).await.expect("drained");
        keeping.abort();
    }

    #[tokio::test]
    async fn a_lookup_that_hangs_holds_neither_other_names_nor_the_housekeeping_up() {
        let config = PoolConfig {
            servers: vec![
                ServerSource::Dns {
                    name: "hangs".into(),
                    port: 80,
                }
                .into(),
                ServerSource::Dns {
                    name: "moves".into(),
                    port: 80,
                }
                .into(),
            ],
            discovery_interval_ms: 20,
            ..PoolConfig::default()
        };
        let pool = Arc::new(Pool::new(config, 1));
        let left = SocketAddr::from(([127, 0, 0, 1], 1));
        let found = SocketAddr::from(([127, 0, 0, 1], 2));
        let lookups = Arc::new(AtomicUsize::new(0));
        let keeping = tokio::spawn(keep(pool.clone(), move |name: String, _| {
            let lookups = lookups.clone();
            async move {
                if name == "hangs" {
                    std::future::pending::<()>().await;
                }
                let first = lookups.fetch_add(1, Ordering::Relaxed) == 0;
                Ok(Found::from([if first { left } else { found }]))
            }
        }));
        let addresses = || pool.members().iter().map(|server| server.address).collect::<Vec<_>>();
        // The second one is found and the first, which owes nothing, forgotten.
        let waited = timeout(Duration::from_secs(20), async {
            while addresses() != [found] {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "{:?}", addresses());
        keeping.abort();
    }
}
