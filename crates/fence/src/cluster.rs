//! What Patroni has written in etcd about its cluster, as far as it matters here.

use std::collections::BTreeMap;

use http::Uri;
use serde::Deserialize;
use serde_json::Value;
use tracing::warn;

use crate::etcd::Entry;

/// Patroni's view of its cluster at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cluster {
    /// Who holds the leader key.
    pub(crate) leader: Option<Leader>,
    /// Which standbys a commit may count on.
    pub(crate) sync: Option<Sync>,
    /// Where each node answers.
    pub(crate) members: BTreeMap<String, Member>,
    /// `synchronous_mode: quorum` with `synchronous_mode_strict`: without a standby nothing
    /// is acknowledged.
    pub(crate) quorum_commit: bool,
    /// An operator has told Patroni to keep still, or a switchover is under way.
    pub(crate) hands_off: bool,
}

/// The leader key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leader {
    /// The node's name.
    pub(crate) name: String,
    /// The revision at which it took the key: it names this reign and no other.
    pub(crate) revision: i64,
    /// The lease that the key hangs on.
    pub(crate) lease: i64,
}

/// The sync key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sync {
    /// The leader that wrote it.
    pub(crate) leader: String,
    /// Standbys that may acknowledge commits.
    pub(crate) voters: Vec<String>,
    /// How many nodes besides itself a candidate must have asked, of the leader and the voters.
    pub(crate) quorum: usize,
    /// The revision of the key.
    pub(crate) revision: i64,
    /// The key's text.
    pub(crate) value: String,
}

/// A member key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Patroni's REST interface.
    pub(crate) patroni: Uri,
    /// Host and port of Postgres.
    pub(crate) postgres: (String, u16),
}

#[derive(Deserialize)]
struct SyncText {
    leader: Option<String>,
    sync_standby: Option<String>,
    quorum: Option<usize>,
}

#[derive(Deserialize)]
struct MemberText {
    api_url: String,
    conn_url: String,
}

impl Cluster {
    /// Reads the keys of a scope, by their names in it. A key that makes no sense counts as
    /// not there: nothing is done then.
    #[must_use]
    pub(crate) fn read(keys: &BTreeMap<String, Entry>) -> Self {
        let config: Value = keys
            .get("config")
            .and_then(|entry| serde_json::from_str(&entry.value).ok())
            .unwrap_or_default();
        Self {
            leader: keys.get("leader").map(|entry| Leader {
                name: entry.value.clone(),
                revision: entry.revision,
                lease: entry.lease,
            }),
            sync: keys.get("sync").and_then(sync),
            members: keys.iter().filter_map(member).collect(),
            quorum_commit: config["synchronous_mode"] == "quorum" && config["synchronous_mode_strict"] == true,
            hands_off: config["pause"] == true || keys.contains_key("failover"),
        }
    }
}

impl Sync {
    /// Whether `name` is among those whose word counts: the leader and the voters. Patroni
    /// does not tell cases apart in names.
    #[must_use]
    pub(crate) fn counts(&self, name: &str) -> bool {
        self.leader.eq_ignore_ascii_case(name) || self.voters.iter().any(|voter| voter.eq_ignore_ascii_case(name))
    }
}

fn sync(entry: &Entry) -> Option<Sync> {
    let text: SyncText = serde_json::from_str(&entry.value)
        .inspect_err(|error| warn!(%error, "the sync key makes no sense"))
        .ok()?;
    let voters = text.sync_standby.unwrap_or_default();
    Some(Sync {
        leader: text.leader?,
        voters: voters
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        quorum: text.quorum.unwrap_or_default(),
        revision: entry.revision,
        value: entry.value.clone(),
    })
}

fn member((key, entry): (&String, &Entry)) -> Option<(String, Member)> {
    let name = key.strip_prefix("members/")?;
    let text: MemberText = serde_json::from_str(&entry.value)
        .inspect_err(|error| warn!(%error, node = name, "the member key makes no sense"))
        .ok()?;
    let postgres: Uri = text.conn_url.parse().ok()?;
    let member = Member {
        patroni: text.api_url.parse().ok()?,
        postgres: (
            postgres.host()?.trim_matches(['[', ']']).to_owned(),
            postgres.port_u16().unwrap_or(5432),
        ),
    };
    Some((name.to_owned(), member))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(pairs: &[(&str, &str)]) -> BTreeMap<String, Entry> {
        pairs
            .iter()
            .map(|&(name, value)| {
                let entry = Entry {
                    value: value.to_owned(),
                    revision: 7,
                    lease: 9,
                };
                (name.to_owned(), entry)
            })
            .collect()
    }

    #[test]
    fn what_patroni_4_writes_is_read() {
        let cluster = Cluster::read(&keys(&[
            ("leader", "pg-1"),
            ("sync", r#"{"leader":"pg-1","quorum":1,"sync_standby":"pg-2,pg-3"}"#),
            (
                "members/pg-2",
                r#"{"conn_url":"postgres://10.0.0.2:5432/postgres","api_url":"http://10.0.0.2:8008/patroni","role":"replica"}"#,
            ),
            (
                "config",
                r#"{"synchronous_mode":"quorum","synchronous_mode_strict":true}"#,
            ),
        ]));
        assert_eq!(cluster.leader.as_ref().map(|leader| leader.lease), Some(9));
        let sync = cluster.sync.as_ref().expect("a sync key");
        assert_eq!((sync.voters.len(), sync.quorum), (2, 1));
        assert!(sync.counts("PG-3") && !sync.counts("pg-4"));
        assert_eq!(cluster.members["pg-2"].postgres, ("10.0.0.2".to_owned(), 5432));
        assert!(cluster.quorum_commit && !cluster.hands_off);
    }

    #[test]
    fn a_key_that_makes_no_sense_is_not_there() {
        let cluster = Cluster::read(&keys(&[("sync", "{"), ("members/pg-2", "[]"), ("config", "7")]));
        assert!(cluster.sync.is_none() && cluster.members.is_empty() && !cluster.quorum_commit);
    }

    #[test]
    fn a_pause_and_a_switchover_keep_hands_off() {
        assert!(Cluster::read(&keys(&[("config", r#"{"pause":true}"#)])).hands_off);
        assert!(Cluster::read(&keys(&[("failover", "{}")])).hands_off);
    }
}
