//! How many connections each client address has. One client, or one network of
//! them, shall not take the places of all others. Touched when a connection
//! begins and ends, never by a request.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Connections by address, over all workers.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Addresses {
    /// Counts one more. Answers false, and does not, if `most` are there; 0 means
    /// any number.
    pub(crate) fn enter(&self, address: IpAddr, most: usize) -> bool {
        let mut open = self.lock();
        let count = open.entry(network(address)).or_insert(0);
        if most > 0 && *count >= most {
            return false;
        }
        *count += 1;
        true
    }

    /// One that was counted has ended.
    pub(crate) fn leave(&self, address: IpAddr) {
        let mut open = self.lock();
        let address = network(address);
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has one IPv6 address has 2^64 of them (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_place_is_there_again_when_one_is_left() {
        let addresses = Addresses::default();
        let enter = |text| addresses.enter(ip(text), 2);
        assert_eq!(
            [enter("192.0.2.1"), enter("192.0.2.1"), enter("192.0.2.1")],
            [true, true, false]
        );
        assert!(enter("192.0.2.2"));
        addresses.leave(ip("192.0.2.1"));
        assert_eq!([enter("192.0.2.1"), enter("192.0.2.1")], [true, false]);
        for address in ["192.0.2.1", "192.0.2.1", "192.0.2.2"] {
            addresses.leave(ip(address));
        }
        assert!(addresses.lock().is_empty());
    }

    #[test]
    fn without_a_limit_any_number_is_let_in_and_counted() {
        let addresses = Addresses::default();
        for _ in 0..3 {
            assert!(addresses.enter(ip("192.0.2.1"), 0));
        }
        // A reload has set one meanwhile.
        assert!(!addresses.enter(ip("192.0.2.1"), 3));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let addresses = Addresses::default();
        assert!(addresses.enter(ip("2001:db8::1"), 1));
        assert!(!addresses.enter(ip("2001:db8::2"), 1));
        assert!(addresses.enter(ip("2001:db8:0:1::1"), 1));
    }
}
