//! Open files: how many this process may have, and how many of them may go to
//! clients. Without one, a connection to a server cannot be made: clients that
//! take them all would take the servers away from everybody.

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Of all descriptors, one in so many is not for clients. Idle clients, which are
/// the many, need no server.
const SHARE_FOR_SERVERS: u64 = 4;

/// Asks for as many as may be had. A connection each way is two descriptors a
/// request; the usual soft limit of 1024 is for programs that use select.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!(%error, "the limit of open files stays as it is");
    }
}

/// Most connections of clients that there are descriptors for.
pub(crate) fn for_clients() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    share(limit)
}

fn share(limit: u64) -> usize {
    usize::try_from(limit - limit / SHARE_FOR_SERVERS)
        .unwrap_or(usize::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_share_that_clients_cannot_take() {
        assert_eq!(share(20_000), 15_000);
        assert_eq!(share(1), 1);
        assert_eq!(share(0), 1);
        assert!(share(u64::MAX) > 1_000_000);
    }
}
