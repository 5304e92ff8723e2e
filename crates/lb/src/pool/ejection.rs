//! What live traffic says about servers: failures in a row, as they happen, and the
//! share of errors, looked at from time to time so that no request has to count
//! for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use health::{Counts, may_eject};
use tracing::warn;

use super::Pool;
use super::server::Server;
use crate::problem::Problem;

impl Pool {
    /// A request to `server` failed by its fault.
    pub(crate) fn failed(&self, server: &Server, problem: Problem) {
        let now = self.now();
        server.set_suspected();
        let absent = matches!(problem, Problem::ConnectFailed | Problem::ConnectTimeout) || server.is_dead();
        if absent {
            server.set_absent();
        }
        let ejected = self.with_members(|members| {
            let room = self.has_room(members);
            server.outlier(|outlier| outlier.failed(now, room))
        });
        // Whatever comes of it, a probe shall look now and not in a second.
        server.recheck.notify_one();
        if let Some(until) = ejected {
            self.begin_ejection(server, absent, until, &problem.to_string());
            self.changed();
        }
    }

    /// Ejects servers whose share of errors is too large and stands out. Answers
    /// whether there are any. Looks at `members`, of which the caller has the lock.
    pub(super) fn eject_for_errors(&self, members: &[Arc<Server>], now: Duration) -> bool {
        let rules = self.config.ejection.ratio();
        if rules.percent == 0 {
            return false;
        }
        let counts: Vec<Counts> = members
            .iter()
            .map(|server| server.errors_within(now, rules.window))
            .collect();
        let mut any = false;
        for (index, (server, own)) in members.iter().zip(&counts).enumerate() {
            let others = counts.iter().enumerate().filter(|(other, _)| *other != index);
            let rest = others.fold(Counts::default(), |sum, (_, counts)| sum.plus(*counts));
            if server.is_ejected() || server.is_leaving() || !rules.is_outlier(*own, rest) || !self.has_room(members) {
                continue;
            }
            if let Some(until) = server.outlier(|outlier| outlier.eject(now)) {
                let reason = format!("{} of its last {} answers were errors", own.errors, own.requests);
                self.begin_ejection(server, false, until, &reason);
                any = true;
            }
        }
        any
    }

    /// Whether one more may go. Servers that get no requests anyway do not count.
    fn has_room(&self, members: &[Arc<Server>]) -> bool {
        let counted = || {
            members
                .iter()
                .filter(|server| !server.is_leaving() && server.is_enabled())
        };
        let ejected = counted().filter(|server| server.is_ejected()).count();
        may_eject(ejected, counted().count(), self.config.ejection.max_percent)
    }

    fn begin_ejection(&self, server: &Server, absent: bool, until: Duration, reason: &str) {
        server.begin_ejection(absent, until);
        self.ejections.fetch_add(1, Ordering::Relaxed);
        let for_ms = until.saturating_sub(self.now()).as_millis() as u64;
        warn!(pool = self.config.name, server = %server.address, for_ms, reason, "server ejected");
    }
}
