//! What an agent does next, from what it sees: pure, without I/O or a clock.
//!
//! Nothing here decides whether a promotion is safe; [`crate::attest`] does. A wrong
//! deposition costs an election and no write, so the rules below only keep it rare.

use std::collections::BTreeMap;

use crate::cluster::{Cluster, Leader, Sync};

/// What an agent sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    /// The node that this agent stands beside.
    pub(crate) me: &'a str,
    /// What etcd says.
    pub(crate) cluster: &'a Cluster,
    /// Whether probes of the leader have failed often enough in a row.
    pub(crate) leader_down: bool,
    /// Which agents suspect a leader, and the reign each means.
    pub(crate) suspicions: &'a BTreeMap<String, i64>,
}

/// What an agent shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing; a suspicion of its own is taken back.
    Rest,
    /// Say that this reign's leader is suspected, and wait for the others.
    Suspect(Leader),
    /// All whose word counts suspect it: take the leader key from it.
    Depose(Leader, Sync),
}

/// Decides. Every voter must suspect the same reign: one agent that is cut off from a healthy
/// leader cannot depose it, and as all of them answer, one of them can be elected.
#[must_use]
pub(crate) fn decide(situation: Situation<'_>) -> Action {
    let Situation {
        me,
        cluster,
        leader_down,
        suspicions,
    } = situation;
    let (Some(leader), Some(sync)) = (&cluster.leader, &cluster.sync) else {
        return Action::Rest;
    };
    // A leader that has not yet written the sync key is judged by its predecessor's: too early.
    let settled = sync.leader == leader.name && !sync.voters.is_empty();
    let allowed = cluster.quorum_commit && !cluster.hands_off;
    let voter = me != leader.name && sync.voters.iter().any(|name| name == me);
    if !(leader_down && settled && allowed && voter) {
        return Action::Rest;
    }
    let agreed = sync
        .voters
        .iter()
        .all(|name| suspicions.get(name) == Some(&leader.revision));
    if agreed {
        Action::Depose(leader.clone(), sync.clone())
    } else {
        Action::Suspect(leader.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REIGN: i64 = 7;

    fn cluster() -> Cluster {
        Cluster {
            leader: Some(Leader {
                name: "pg-1".into(),
                revision: REIGN,
                lease: 9,
            }),
            sync: Some(Sync {
                leader: "pg-1".into(),
                voters: vec!["pg-2".into(), "pg-3".into()],
                quorum: 1,
                revision: 8,
                value: String::new(),
            }),
            quorum_commit: true,
            ..Cluster::default()
        }
    }

    fn seen_by_pg_2(cluster: &Cluster, suspicions: &[(&str, i64)]) -> Action {
        decide(Situation {
            me: "pg-2",
            cluster,
            leader_down: true,
            suspicions: &suspicions.iter().map(|&(name, reign)| (name.into(), reign)).collect(),
        })
    }

    #[test]
    fn one_agent_alone_suspects_and_waits() {
        assert!(matches!(
            seen_by_pg_2(&cluster(), &[("pg-2", REIGN)]),
            Action::Suspect(_)
        ));
    }

    #[test]
    fn all_voters_together_depose() {
        let action = seen_by_pg_2(&cluster(), &[("pg-2", REIGN), ("pg-3", REIGN)]);
        assert!(matches!(action, Action::Depose(..)));
    }

    #[test]
    fn a_suspicion_of_an_earlier_reign_does_not_count() {
        let action = seen_by_pg_2(&cluster(), &[("pg-2", REIGN), ("pg-3", REIGN - 1)]);
        assert!(matches!(action, Action::Suspect(_)));
    }

    #[test]
    fn a_leader_that_has_not_written_the_sync_key_is_left_alone() {
        let mut cluster = cluster();
        if let Some(sync) = &mut cluster.sync {
            sync.leader = "pg-3".into();
        }
        assert_eq!(
            seen_by_pg_2(&cluster, &[("pg-2", REIGN), ("pg-3", REIGN)]),
            Action::Rest
        );
    }

    proptest! {
        #[test]
        fn nobody_is_deposed_without_every_voter_and_every_condition(
            down: bool, quorum_commit: bool, hands_off: bool,
            me in "pg-[1-4]",
            voters in proptest::collection::btree_set("pg-[2-4]", 0..3),
            reigns in proptest::collection::btree_map("pg-[2-4]", REIGN - 1..REIGN + 1, 0..4),
        ) {
            let mut cluster = Cluster { quorum_commit, hands_off, ..cluster() };
            if let Some(sync) = &mut cluster.sync {
                sync.voters = voters.iter().cloned().collect();
            }
            let action = decide(Situation { me: &me, cluster: &cluster, leader_down: down, suspicions: &reigns });
            if matches!(action, Action::Depose(..)) {
                prop_assert!(down && quorum_commit && !hands_off && voters.contains(&me));
                prop_assert!(voters.iter().all(|voter| reigns.get(voter) == Some(&REIGN)));
            }
        }
    }
}
