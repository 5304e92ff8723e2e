//! Who votes or clicks, without keeping who it was: the client's address is
//! hashed under a key that only the app servers hold, so that the database can
//! tell two visitors apart and nobody can tell who they are.

use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use ::service::ConfigError;
use catalog::Visitor;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use ipnet::IpNet;
use sha2::Sha256;

use crate::config::readable;

const KEY_BYTES: usize = 32;

/// The key that all app servers share.
#[derive(Clone)]
pub(crate) struct SigningKey([u8; KEY_BYTES]);

impl SigningKey {
    /// Reads 64 hex digits; a newline at the end is fine.
    ///
    /// # Errors
    /// Names `signing_key_file` and what is wrong, never the key.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = readable("signing_key_file", path)?;
        Self::from_hex(text.trim()).ok_or_else(|| {
            ConfigError::value(
                "signing_key_file",
                format!("{} must hold exactly 64 hex digits", path.display()),
            )
        })
    }

    /// A key for one purpose. Who learns it knows neither this one nor that of another purpose.
    pub(crate) fn derive(&self, purpose: &[u8]) -> [u8; KEY_BYTES] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length, see RFC 2104");
        mac.update(purpose);
        mac.finalize().into_bytes().into()
    }

    #[cfg(test)]
    pub(crate) fn for_tests(byte: u8) -> Self {
        Self([byte; KEY_BYTES])
    }

    fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != KEY_BYTES * 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut key = [0; KEY_BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(key))
    }
}

/// Tells visitors apart.
pub(crate) struct Visitors {
    key: SigningKey,
    trusted_proxies: Vec<IpNet>,
}

impl Visitors {
    pub(crate) fn new(key: SigningKey, trusted_proxies: Vec<IpNet>) -> Self {
        Self { key, trusted_proxies }
    }

    /// Whether what `peer` says about the client is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }

    /// The client: the right-most entry of `X-Forwarded-For` when a trusted
    /// proxy sent it, else the peer. Entries further left are the client's own
    /// words and worth nothing.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer.to_canonical();
        }
        headers
            .get_all("x-forwarded-for")
            .iter()
            .next_back()
            .and_then(|value| value.to_str().ok())
            .and_then(|list| address(list.rsplit(',').next()?.trim()))
            .unwrap_or(peer)
            .to_canonical()
    }

    /// What the database is told instead of the address. An IPv6 network of
    /// 64 bits is one visitor, since one household has at least that much.
    pub(crate) fn visitor(&self, client: IpAddr) -> Visitor {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key.0).expect("HMAC takes a key of any length, see RFC 2104");
        mac.update(b"radiodeck visitor 1\0");
        match client.to_canonical() {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&network_of(ip)),
        }
        let digest = mac.finalize().into_bytes();
        let mut visitor = [0; 16];
        visitor.copy_from_slice(&digest[..16]);
        Visitor(visitor)
    }
}

fn network_of(ip: Ipv6Addr) -> [u8; 8] {
    let mut network = [0; 8];
    network.copy_from_slice(&ip.octets()[..8]);
    network
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitors() -> Visitors {
        Visitors::new(
            SigningKey::from_hex(&"0f".repeat(32)).expect("a key"),
            vec!["10.0.0.0/8".parse().expect("a network")],
        )
    }

    fn forwarded(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", value.parse().expect("a header value"));
        }
        headers
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_trusted_proxy_names_the_client_in_its_last_entry() {
        let visitors = visitors();
        for (values, expected) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["1.2.3.4, 203.0.113.9"], "203.0.113.9"),
            (&["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8::1]:80"], "2001:db8::1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["unknown"], "10.1.1.1"),
            (&[], "10.1.1.1"),
        ] {
            assert_eq!(
                visitors.client(ip("10.1.1.1"), &forwarded(values)),
                ip(expected),
                "{values:?}"
            );
        }
    }

    #[test]
    fn a_stranger_cannot_forge_an_address() {
        let client = visitors().client(ip("198.51.100.7"), &forwarded(&["1.2.3.4"]));
        assert_eq!(client, ip("198.51.100.7"));
    }

    #[test]
    fn one_household_is_one_visitor_and_neighbours_are_not() {
        let visitors = visitors();
        let of = |text| visitors.visitor(ip(text));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("203.0.113.9"), of("203.0.113.8"));
        assert_eq!(of("203.0.113.9"), of("::ffff:203.0.113.9"));
    }

    #[test]
    fn another_key_gives_other_visitors() {
        let other = Visitors::new(SigningKey::from_hex(&"0e".repeat(32)).expect("a key"), Vec::new());
        assert_ne!(visitors().visitor(ip("203.0.113.9")), other.visitor(ip("203.0.113.9")));
    }

    #[test]
    fn a_key_of_another_form_is_refused() {
        for text in ["", "ab", &"zz".repeat(32), &"ab".repeat(33)] {
            assert!(SigningKey::from_hex(text).is_none(), "{text}");
        }
    }
}
