//! The agent: looks, probes, decides, acts, a few times a second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use health::{Health, Standing, Thresholds};
use serde_json::json;
use service::{Context, Latch, RunError, Service, Shutdown, StartError};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::cluster::{Cluster, Leader, Member, Sync};
use crate::config::Config;
use crate::decide::{Action, Situation, decide};
use crate::etcd::{Change, Client, EtcdError, Guard};
use crate::metrics::Metrics;
use crate::probe;

/// A suspicion is gone so long after its agent has died, seconds.
const SUSPICION_SECONDS: u32 = 5;

/// A suspicion that lasts is written again so often.
const SUSPICION_RENEWAL: Duration = Duration::from_secs(2);

/// Stands beside one node.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    etcd: Client,
    metrics: Metrics,
    /// Held until etcd has been seen once.
    starting: Option<Latch>,
    /// What is told on `/status`.
    seen: Arc<Mutex<Seen>>,
    /// The leader that is being probed.
    watched: Option<Watched>,
    /// Whether the last look at etcd failed: said once.
    blind: bool,
}

#[derive(Debug, Default)]
struct Seen {
    leader: Option<String>,
    standing: Standing,
}

/// One reign of a leader.
#[derive(Debug)]
struct Watched {
    leader: Leader,
    member: Option<Member>,
    health: Health,
    /// When our suspicion of it was written last.
    suspected: Option<Instant>,
}

impl Service for Agent {
    const NAME: &'static str = "radiodeck-fence";
    const ENV_PREFIX: &'static str = crate::ENV_PREFIX;
    const ABOUT: &'static str = "\
Stands beside a node of a Patroni cluster and takes the leader key from a leader that neither
its Patroni nor its Postgres answers for, once the agents of all its voters agree. Patroni
elects and promotes; radiodeck-promotion, as Patroni's pre_promote, keeps that safe.

  radiodeck-fence --config config/fence.toml";
    type Config = Config;
    const RUNTIME_THREADS: Option<usize> = Some(1);

    async fn build(config: Config, context: &mut Context) -> Result<Self, StartError> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let told = seen.clone();
        context.status("leader", move || {
            let seen = told.lock().unwrap_or_else(PoisonError::into_inner);
            json!({ "name": seen.leader, "standing": format!("{:?}", seen.standing).to_lowercase() })
        });
        Ok(Self {
            etcd: Client::new(config.endpoints()?, config.etcd.timeout()),
            metrics: Metrics::register(&mut context.metrics),
            starting: Some(context.readiness.latch("etcd")),
            seen,
            watched: None,
            blind: false,
            config,
        })
    }

    async fn run(mut self, shutdown: Shutdown) -> Result<(), RunError> {
        let mut turns = interval(Duration::from_millis(self.config.probe.interval_ms));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.begun() => break,
                _ = turns.tick() => {}
            }
            match self.turn().await {
                Ok(()) => {
                    self.starting = None;
                    if std::mem::take(&mut self.blind) {
                        info!("etcd answers again");
                    }
                }
                Err(error) => {
                    self.metrics.etcd_errors.inc();
                    if !std::mem::replace(&mut self.blind, true) {
                        warn!(%error, "etcd does not answer; nobody is deposed meanwhile");
                    }
                }
            }
        }
        if self.watched.as_ref().is_some_and(|watched| watched.suspected.is_some())
            && let Err(error) = self.withdraw().await
        {
            info!(%error, "the suspicion was not taken back; its lease ends it");
        }
        Ok(())
    }
}

impl Agent {
    async fn turn(&mut self) -> Result<(), EtcdError> {
        let patroni = self.config.patroni_folder();
        let suspicions = self.config.suspicion_folder();
        let deadline = Duration::from_millis(self.config.probe.timeout_ms);
        let probed = self.watched.as_ref().and_then(|watched| watched.member.clone());
        let probe = async {
            match &probed {
                Some(member) => Some(probe::answers(member, deadline).await),
                None => None,
            }
        };
        let (seen, answered) = tokio::join!(self.etcd.snapshot([&patroni, &suspicions]), probe);
        if let Some(answered) = answered {
            self.record(answered);
        }
        let [keys, suspicions] = seen?;
        let cluster = Cluster::read(&keys);
        let suspicions: BTreeMap<String, i64> = suspicions
            .iter()
            .filter_map(|(name, entry)| Some((name.clone(), entry.value.parse().ok()?)))
            .collect();
        self.watch(&cluster);
        let action = decide(Situation {
            me: &self.config.name,
            cluster: &cluster,
            leader_down: self
                .watched
                .as_ref()
                .is_some_and(|watched| watched.health.standing() == Standing::Down),
            suspicions: &suspicions,
        });
        match action {
            Action::Rest if suspicions.contains_key(&self.config.name) => self.withdraw().await,
            Action::Rest => Ok(()),
            Action::Suspect(leader) => self.suspect(&leader).await,
            Action::Depose(leader, sync) => self.depose(&leader, &sync).await,
        }
    }

    fn record(&mut self, answered: bool) {
        if !answered {
            self.metrics.failed_probes.inc();
        }
        let Some(watched) = &mut self.watched else {
            return;
        };
        if watched.health.record(answered).is_some() {
            let (leader, standing) = (&watched.leader.name, watched.health.standing());
            info!(leader, ?standing, "the verdict on the leader has changed");
        }
        self.tell();
    }

    /// Follows the leader key. Whoever has just got it is taken for alive, so that a new leader
    /// is never judged by fewer probes than an old one.
    fn watch(&mut self, cluster: &Cluster) {
        let Some(leader) = cluster.leader.as_ref().filter(|leader| leader.name != self.config.name) else {
            self.watched = None;
            return self.tell();
        };
        let member = cluster.members.get(&leader.name).cloned();
        if let Some(watched) = &mut self.watched
            && watched.leader == *leader
        {
            // A dead leader's member key may go before its leader key; it is probed on.
            watched.member = member.or(watched.member.take());
            return;
        }
        let mut health = Health::new(Thresholds {
            rise: 1,
            fall: self.config.probe.fall,
        });
        health.record(true);
        self.watched = Some(Watched {
            leader: leader.clone(),
            member,
            health,
            suspected: None,
        });
        self.tell();
    }

    async fn suspect(&mut self, leader: &Leader) -> Result<(), EtcdError> {
        let Some(watched) = &mut self.watched else {
            return Ok(());
        };
        if watched.suspected.is_some_and(|at| at.elapsed() < SUSPICION_RENEWAL) {
            return Ok(());
        }
        let key = format!("{}{}", self.config.suspicion_folder(), self.config.name);
        self.etcd
            .put_for(&key, &leader.revision.to_string(), SUSPICION_SECONDS)
            .await?;
        if watched.suspected.replace(Instant::now()).is_none() {
            self.metrics.suspicions.inc();
            info!(leader = leader.name, "the leader is suspected");
        }
        Ok(())
    }

    async fn withdraw(&mut self) -> Result<(), EtcdError> {
        if let Some(watched) = &mut self.watched {
            watched.suspected = None;
        }
        let key = format!("{}{}", self.config.suspicion_folder(), self.config.name);
        self.etcd.transact(&[], &[Change::Delete(key)]).await.map(drop)
    }

    /// Takes the leader key away in one transaction: it happens only if this reign still lasts,
    /// the voters are the same, and each of them still suspects the leader.
    async fn depose(&mut self, leader: &Leader, sync: &Sync) -> Result<(), EtcdError> {
        let patroni = self.config.patroni_folder();
        let suspicions = self.config.suspicion_folder();
        let mut guards = vec![
            Guard::Unchanged(format!("{patroni}leader"), leader.revision),
            Guard::Unchanged(format!("{patroni}sync"), sync.revision),
        ];
        let voters = sync.voters.iter();
        guards.extend(voters.map(|name| Guard::Holds(format!("{suspicions}{name}"), leader.revision.to_string())));
        let changes = [
            Change::Delete(format!("{patroni}leader")),
            Change::Delete(format!("{patroni}members/{}", leader.name)),
        ];
        if !self.etcd.transact(&guards, &changes).await? {
            info!(leader = leader.name, "not deposed: something has changed meanwhile");
            return Ok(());
        }
        self.metrics.depositions.inc();
        warn!(leader = leader.name, voters = ?sync.voters, "deposed the leader");
        // If it lives after all and its watch of etcd hangs, losing the lease tells it.
        if let Err(error) = self.etcd.revoke(leader.lease).await {
            info!(%error, "the deposed leader's lease was not revoked");
        }
        Ok(())
    }

    fn tell(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.leader = self.watched.as_ref().map(|watched| watched.leader.name.clone());
        seen.standing = self
            .watched
            .as_ref()
            .map_or(Standing::Unknown, |watched| watched.health.standing());
    }
}
