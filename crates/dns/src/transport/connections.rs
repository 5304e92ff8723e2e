//! The bound on TCP connections, overall and per client (RFC 9210 section 5.1).
//! At the bound the connection that has been idle the longest makes room: who
//! opens many and leaves them loses its own oldest, and everybody else is served.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Every open connection.
#[derive(Debug)]
pub(super) struct Connections {
    table: Mutex<Table>,
    max: usize,
    max_per_client: usize,
}

#[derive(Debug, Default)]
struct Table {
    /// Counts what happened, so that "longer ago" needs no clock.
    ticks: u64,
    open: HashMap<u64, Open>,
    per_client: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Open {
    client: IpAddr,
    last_active: u64,
    evicted: CancellationToken,
}

/// A connection's place; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    id: u64,
    /// Cancelled when the connection must make room.
    pub(super) evicted: CancellationToken,
    connections: Arc<Connections>,
}

impl Connections {
    /// At most `max` in all and `max_per_client` of one client; both at least 1.
    pub(super) fn new(max: usize, max_per_client: usize) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::default(),
            max,
            max_per_client,
        })
    }

    /// A place for one more, and whether another had to go for it.
    pub(super) fn enter(self: &Arc<Self>, client: IpAddr) -> (Place, bool) {
        let client = holder(client);
        let mut table = self.table();
        let of_client = table.per_client.get(&client).copied().unwrap_or(0);
        let evict = if of_client >= self.max_per_client {
            table.idlest(|open| open.client == client)
        } else if table.open.len() >= self.max {
            table.idlest(|_| true)
        } else {
            None
        };
        if let Some(open) = evict.and_then(|id| table.remove(id)) {
            open.evicted.cancel();
        }
        table.ticks += 1;
        let id = table.ticks;
        let evicted = CancellationToken::new();
        table.open.insert(
            id,
            Open {
                client,
                last_active: id,
                evicted: evicted.clone(),
            },
        );
        *table.per_client.entry(client).or_default() += 1;
        let place = Place {
            id,
            evicted,
            connections: self.clone(),
        };
        (place, evict.is_some())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn idlest(&self, among: impl Fn(&Open) -> bool) -> Option<u64> {
        let candidates = self.open.iter().filter(|(_, open)| among(open));
        candidates.min_by_key(|(_, open)| open.last_active).map(|(id, _)| *id)
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if let Some(count) = self.per_client.get_mut(&open.client) {
            *count -= 1;
            if *count == 0 {
                self.per_client.remove(&open.client);
            }
        }
        Some(open)
    }
}

impl Place {
    /// Says that the client has just asked something.
    pub(super) fn active(&self) {
        let mut table = self.connections.table();
        table.ticks += 1;
        let now = table.ticks;
        if let Some(open) = table.open.get_mut(&self.id) {
            open.last_active = now;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.table().remove(self.id);
    }
}

/// Who is taken for one client: an IPv4 address, or an IPv6 network of 64 bits, of
/// which one customer has all addresses.
fn holder(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn at_a_clients_bound_its_idlest_connection_makes_room() {
        let connections = Connections::new(10, 2);
        let (first, _) = connections.enter(ip("192.0.2.1"));
        let (second, _) = connections.enter(ip("192.0.2.1"));
        let (other, _) = connections.enter(ip("192.0.2.2"));
        first.active();
        let (_third, evicted) = connections.enter(ip("192.0.2.1"));
        assert!(evicted);
        assert!(second.evicted.is_cancelled());
        assert!(!first.evicted.is_cancelled() && !other.evicted.is_cancelled());
    }

    #[test]
    fn at_the_overall_bound_the_idlest_of_all_makes_room() {
        let connections = Connections::new(2, 2);
        let (first, _) = connections.enter(ip("192.0.2.1"));
        let (second, _) = connections.enter(ip("192.0.2.2"));
        let (_third, evicted) = connections.enter(ip("192.0.2.3"));
        assert!(evicted && first.evicted.is_cancelled() && !second.evicted.is_cancelled());
    }

    #[test]
    fn a_place_is_given_back_once() {
        let connections = Connections::new(2, 1);
        let (first, _) = connections.enter(ip("192.0.2.1"));
        let (second, evicted) = connections.enter(ip("192.0.2.1"));
        assert!(evicted);
        drop(first);
        assert_eq!(connections.table().open.len(), 1);
        drop(second);
        assert_eq!(connections.table().open.len(), 0);
        assert!(connections.table().per_client.is_empty());
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        let connections = Connections::new(10, 1);
        let (first, _) = connections.enter(ip("2001:db8::1"));
        let (_second, evicted) = connections.enter(ip("2001:db8::2"));
        assert!(evicted && first.evicted.is_cancelled());
    }
}
