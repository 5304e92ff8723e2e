//! A dead primary is replaced within seconds, and no node is promoted that lacks an
//! acknowledged write.
//!
//! Patroni elects, promotes and demotes. Its leader key outlives a dead leader by up to `ttl`,
//! which it does not let fall below 20 seconds. That wait is a guard: in it an old primary that
//! is alive notices that it has lost etcd and demotes itself. Two small programs replace the
//! guard by a stronger one and then shorten the wait:
//!
//! - `radiodeck-promotion` is Patroni's `pre_promote`: it runs on the winner of an election,
//!   after it has the leader key and before Postgres is promoted, and lets it go on only when
//!   it provably has every write that was acknowledged or ever will be ([`confirm`]). All
//!   safety is here. It keeps no state and does not ask why there was an election.
//! - `radiodeck-fence`, the [`Agent`], takes the leader key from a leader for whom neither
//!   Patroni nor Postgres answers. It may err: that costs an election, never a write.
//!
//! # Why a confirmed promotion loses nothing
//!
//! Let P be the old primary, alive or not; C the candidate, which holds the leader key; V the
//! leader and voters in Patroni's sync key, and q its quorum.
//!
//! 1. *The sync key stands still.* C rewrites it unchanged, guarded by its own leader key. P
//!    changes the key only at the revision it has seen; to see the new one it must first have
//!    seen, in the same ordered watch, that C leads, and then it demotes itself. Patroni keeps
//!    `synchronous_standby_names` such that the nodes a commit needs (P and any `n` standbys)
//!    and any q + 1 of V overlap, and it writes the sync key before it would break that. So
//!    with a key that stands still the overlap holds for whatever P still does. Strict mode
//!    keeps n at 1 or more.
//! 2. *Followers.* A standby has one WAL receiver. One that is connected to C is not connected
//!    to P and acknowledges nothing to P. It is connected to C because its Patroni has seen
//!    that C leads, and what Patroni sees in etcd does not go backwards.
//! 3. *Position.* Each follower is asked how far its WAL reaches after it has connected, and C
//!    after that. If none has more than C, then C has all that any of them acknowledged to P.
//! 4. *C itself* may still receive from P until it is promoted. That is in its own WAL, and a
//!    promotion replays all of it first.
//!
//! C is confirmed when q + 1 nodes of V count: itself, and followers that have no more than it.
//! Take any write that P acknowledges, before or after. The nodes it stood on and those q + 1
//! overlap (1). P is not among the q + 1, as a primary follows nobody. So one of them flushed
//! the write: C (4), or a follower before it connected to C (2), and then C has it (3).
//!
//! Nothing in this needs a clock, a timeout or a dead P. In particular: commits that wait on a
//! paused P are never acknowledged when it resumes, as nobody is left to flush for it; P as
//! the first to see its key gone may take it again, and then C never had it; a C that loses the
//! key while this runs is not promoted, as Patroni ends `pre_promote` then.
//!
//! One limit is known: a follower counts by its connection to C, if that is not much older than
//! the reign (see `FOLLOWERS`). C would have to lose the key during the check, lose touch with the
//! follower without noticing, win again within five seconds, and still reach that node's Patroni.
//!
//! What it rests on: `synchronous_mode: quorum` with `synchronous_mode_strict`, and clients that
//! do not turn `synchronous_commit` below `on`. Where commits wait for no quorum, promotions
//! pass unchecked, as in Patroni, and nobody is deposed. A node that wrote the sync key itself
//! is confirmed alone, by Patroni's own rule; the agent deposes only a leader that wrote it.
//!
//! # Why not fence the standbys first
//!
//! `alter system set primary_conninfo = ''` on each standby before the key is taken looks
//! simpler and is not safe. Patroni compares recovery settings once a cycle, removes them from
//! `postgresql.auto.conf` and reloads; and an empty `pg_stat_wal_receiver` does not show that
//! the startup process has read the new setting, so a receiver may start once more with the old.

mod agent;
mod attest;
mod cluster;
mod config;
mod decide;
mod etcd;
mod http;
mod metrics;
mod probe;
mod promotion;

pub use agent::Agent;
pub use config::{Config, EtcdConfig, PostgresConfig, ProbeConfig, PromotionConfig};
pub use etcd::{Change, Client, Entry, EtcdError, Guard};
pub use promotion::{Confirmed, Refusal, confirm};

/// Prefix of environment overrides of both programs.
pub const ENV_PREFIX: &str = "RADIODECK_FENCE";
