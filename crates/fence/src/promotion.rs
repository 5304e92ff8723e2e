//! Confirms a promotion: Patroni runs this after its node has taken the leader key and before
//! it promotes Postgres. The crate's head says why what is checked here is enough.

use std::fmt;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use crate::attest::{Follower, Verdict, judge};
use crate::cluster::{Cluster, Sync};
use crate::config::Config;
use crate::etcd::{Change, Client, EtcdError, Guard};
use crate::http::get;

/// Between two looks at who follows.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a follower may take to tell its position.
const POSITION_DEADLINE: Duration = Duration::from_millis(500);

/// Followers may have connected before this program ran: Patroni wakes every node when the
/// leader key changes hands. A connection older than this is from an earlier reign; Patroni
/// lets a node that gave up a promotion wait for its `ttl` of 20 seconds or more.
const FOLLOWERS: &str = "\
select application_name
from pg_stat_replication
where state in ('catchup', 'streaming')
  and backend_start > clock_timestamp() - $1::float8 * interval '1 second' - interval '5 seconds'";

const POSITION: &str = "\
select (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0')::int8";

/// Why a promotion is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// Commits wait for no quorum here: there is nothing to be shown.
    NoQuorumCommit,
    /// This node wrote the sync key, so every commit was its own.
    WasLeader,
    /// As many nodes follow as must, this one with them.
    Followed(usize),
}

/// Why a promotion is not in order.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Another node holds the leader key, or none.
    #[error("{0} does not hold the leader key")]
    NotLeader(String),
    /// A voter has WAL that this node lacks.
    #[error("{0} has WAL that this node lacks")]
    Behind(String),
    /// Too few voters follow.
    #[error("only {have} of {need} nodes, this one with them, follow within the deadline")]
    Alone {
        /// Nodes that count, this one with them.
        have: usize,
        /// Nodes that must count.
        need: usize,
    },
    /// etcd cannot be asked.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// The Postgres beside us cannot be asked.
    #[error("the Postgres beside this program cannot be asked: {0}")]
    Postgres(#[from] sqlx::Error),
    /// Something took all the time there was.
    #[error("not confirmed within {0:?}")]
    Late(Duration),
    /// The configuration was not checked before it was used.
    #[error(transparent)]
    Config(#[from] service::ConfigError),
}

impl fmt::Display for Confirmed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQuorumCommit => formatter.write_str("commits wait for no quorum"),
            Self::WasLeader => formatter.write_str("this node was the leader"),
            Self::Followed(nodes) => write!(formatter, "{nodes} nodes that count, this one with them"),
        }
    }
}

/// Waits until this node provably has every acknowledged write.
///
/// # Errors
/// It has not, or it cannot be shown within the deadline.
pub async fn confirm(config: &Config) -> Result<Confirmed, Refusal> {
    let deadline = Duration::from_millis(config.promotion.deadline_ms);
    let mut wanting = None;
    let outcome = timeout(deadline, attempt(config, &mut wanting)).await;
    match (outcome, wanting) {
        (Ok(outcome), _) => outcome,
        (Err(_), Some((have, need))) => Err(Refusal::Alone { have, need }),
        (Err(_), None) => Err(Refusal::Late(deadline)),
    }
}

async fn attempt(config: &Config, wanting: &mut Option<(usize, usize)>) -> Result<Confirmed, Refusal> {
    let etcd = Client::new(config.endpoints()?, config.etcd.timeout());
    let (cluster, sync) = match hold(&etcd, config).await? {
        Held::Sync(held) => *held,
        Held::Free(confirmed) => return Ok(confirmed),
    };
    let started = tokio::time::Instant::now();
    let options = PgConnectOptions::new()
        .socket(&config.postgres.socket)
        .port(config.postgres.port)
        .username(&config.postgres.user)
        .database("postgres")
        .application_name("radiodeck promotion")
        .disable_statement_logging();
    let mut postgres = PgConnection::connect_with(&options).await?;
    loop {
        let names: Vec<String> = sqlx::query_scalar(FOLLOWERS)
            .bind(started.elapsed().as_secs_f64())
            .fetch_all(&mut postgres)
            .await?;
        let mut followers = Vec::new();
        for name in names {
            let uri = cluster.members.get(&name).map(|member| &member.patroni);
            if let Some(uri) = uri
                && let Some(position) = position(uri).await
            {
                followers.push(Follower { name, position });
            }
        }
        let mine: Option<i64> = sqlx::query_scalar(POSITION).fetch_one(&mut postgres).await?;
        match judge(&config.name, mine.unwrap_or(0), &sync, &followers) {
            Verdict::Complete => return Ok(Confirmed::Followed(sync.quorum + 1)),
            Verdict::Behind(name) => return Err(Refusal::Behind(name)),
            Verdict::Waiting { have, need } => {
                if wanting.replace((have, need)).is_none() {
                    info!(have, need, "waiting for other nodes to follow");
                }
            }
        }
        sleep(PAUSE).await;
    }
}

enum Held {
    /// The cluster, and its sync key, which no other node can change any more.
    Sync(Box<(Cluster, Sync)>),
    /// Nothing need be shown.
    Free(Confirmed),
}

/// Makes sure that the sync key stays as it is. The old primary may still be alive and not yet
/// know that it has lost the leader key. It changes the sync key only if it is at the revision
/// that it has seen, so writing the same text again is a lock: to see the new revision it must
/// first see that another node leads.
async fn hold(etcd: &Client, config: &Config) -> Result<Held, Refusal> {
    let folder = config.patroni_folder();
    loop {
        let [keys, _] = etcd.snapshot([&folder, &config.suspicion_folder()]).await?;
        let cluster = Cluster::read(&keys);
        let leader = cluster
            .leader
            .clone()
            .filter(|leader| leader.name == config.name)
            .ok_or_else(|| Refusal::NotLeader(config.name.clone()))?;
        let Some(sync) = cluster.sync.clone().filter(|_| cluster.quorum_commit) else {
            return Ok(Held::Free(Confirmed::NoQuorumCommit));
        };
        if sync.leader.eq_ignore_ascii_case(&config.name) {
            return Ok(Held::Free(Confirmed::WasLeader));
        }
        let key = format!("{folder}sync");
        let guards = [
            Guard::Unchanged(format!("{folder}leader"), leader.revision),
            Guard::Unchanged(key.clone(), sync.revision),
        ];
        if etcd.transact(&guards, &[Change::Put(key, sync.value.clone())]).await? {
            return Ok(Held::Sync(Box::new((cluster, sync))));
        }
        debug!("the sync key has changed meanwhile");
        sleep(PAUSE).await;
    }
}

/// How far a node's WAL reaches, as its Patroni says.
async fn position(uri: &Uri) -> Option<i64> {
    #[derive(Deserialize)]
    struct Status {
        xlog: Wal,
    }
    #[derive(Deserialize)]
    struct Wal {
        received_location: i64,
        replayed_location: i64,
    }
    let (_, body) = get(uri, POSITION_DEADLINE)
        .await
        .inspect_err(|error| debug!(%error, "a follower does not tell its position"))
        .ok()?;
    let status: Status = serde_json::from_slice(&body).ok()?;
    Some(status.xlog.received_location.max(status.xlog.replayed_location))
}
