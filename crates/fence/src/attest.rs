//! Whether a candidate has every acknowledged write: pure arithmetic over who follows it.
//! The crate's head holds the argument.

use crate::cluster::Sync;

/// A node whose only WAL receiver is connected to the candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Follower {
    /// Its name in Patroni.
    pub(crate) name: String,
    /// How far its WAL reached when it was asked after it had connected, bytes.
    pub(crate) position: i64,
}

/// What the followers say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Enough nodes follow, and none of them has anything that the candidate lacks.
    Complete,
    /// A follower has WAL that the candidate lacks: that node should lead.
    Behind(String),
    /// Too few follow yet.
    Waiting {
        /// Nodes that count so far, the candidate with them.
        have: usize,
        /// Nodes that must count.
        need: usize,
    },
}

/// Judges the candidate `me`, whose WAL reaches `mine`, asked after the followers were.
#[must_use]
pub(crate) fn judge(me: &str, mine: i64, sync: &Sync, followers: &[Follower]) -> Verdict {
    let mut names: Vec<String> = followers
        .iter()
        .filter(|follower| sync.counts(&follower.name) && !follower.name.eq_ignore_ascii_case(me))
        .map(|follower| follower.name.to_ascii_lowercase())
        .collect();
    names.sort_unstable();
    names.dedup();
    let ahead = followers
        .iter()
        .find(|follower| sync.counts(&follower.name) && follower.position > mine);
    if let Some(follower) = ahead {
        return Verdict::Behind(follower.name.clone());
    }
    let have = names.len() + usize::from(sync.counts(me));
    let need = sync.quorum + 1;
    if have >= need {
        Verdict::Complete
    } else {
        Verdict::Waiting { have, need }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn sync(voters: &[&str], quorum: usize) -> Sync {
        Sync {
            leader: "pg-1".into(),
            voters: voters.iter().map(|&name| name.to_owned()).collect(),
            quorum,
            revision: 1,
            value: String::new(),
        }
    }

    fn follower(name: &str, position: i64) -> Follower {
        Follower {
            name: name.into(),
            position,
        }
    }

    #[test]
    fn of_two_voters_the_other_must_follow() {
        let sync = sync(&["pg-2", "pg-3"], 1);
        assert_eq!(judge("pg-2", 10, &sync, &[]), Verdict::Waiting { have: 1, need: 2 });
        assert_eq!(judge("pg-2", 10, &sync, &[follower("pg-3", 10)]), Verdict::Complete);
    }

    #[test]
    fn a_follower_that_has_more_should_lead() {
        let verdict = judge("pg-2", 10, &sync(&["pg-2", "pg-3"], 1), &[follower("pg-3", 11)]);
        assert_eq!(verdict, Verdict::Behind("pg-3".into()));
    }

    #[test]
    fn the_only_voter_needs_nobody() {
        assert_eq!(judge("pg-2", 10, &sync(&["pg-2"], 0), &[]), Verdict::Complete);
    }

    #[test]
    fn strangers_and_the_same_name_twice_do_not_count() {
        let sync = sync(&["pg-2", "pg-3", "pg-4"], 2);
        let followers = [
            follower("pg-3", 1),
            follower("PG-3", 1),
            follower("backup", 1),
            follower("pg-2", 1),
        ];
        assert_eq!(
            judge("pg-2", 10, &sync, &followers),
            Verdict::Waiting { have: 2, need: 3 }
        );
    }

    proptest! {
        /// The argument itself: `nodes` standbys, of which a commit needs any `needed`. Whoever
        /// acknowledged it, one node that has it counted, so the candidate has it as well.
        #[test]
        fn a_complete_candidate_has_what_any_acknowledgement_stood_on(
            nodes in 1_usize..6, needed in 1_usize..6, followers: [bool; 6], acknowledged: [bool; 6],
        ) {
            let needed = needed.min(nodes);
            let names: Vec<String> = (0..nodes).map(|node| format!("pg-{}", node + 2)).collect();
            let sync = Sync {
                voters: names.clone(),
                quorum: nodes - needed,
                ..sync(&[], 0)
            };
            let counted: BTreeSet<usize> = (0..nodes).filter(|&node| node == 0 || followers[node]).collect();
            let standing: Vec<Follower> = counted.iter().skip(1).map(|&node| follower(&names[node], 5)).collect();
            let witnesses: BTreeSet<usize> = (0..nodes).filter(|&node| acknowledged[node]).collect();
            if witnesses.len() >= needed && judge(&names[0], 5, &sync, &standing) == Verdict::Complete {
                prop_assert!(!counted.is_disjoint(&witnesses));
            }
        }
    }
}
