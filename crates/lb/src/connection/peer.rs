//! Who a client is, as far as its connection tells.

use std::net::{IpAddr, SocketAddr};

use http::HeaderValue;

use crate::config::ClientConfig;
use crate::tls::Generation;

/// The other end of a client's connection.
pub(crate) struct Peer {
    /// Its address as a header's value.
    pub(crate) address: HeaderValue,
    /// It is a proxy whose word is taken.
    pub(crate) trusted: bool,
    /// It speaks TLS with this balancer.
    secure: bool,
    /// What its answers say of plain HTTP.
    pub(crate) hsts: Option<HeaderValue>,
}

impl Peer {
    pub(super) fn new(config: &ClientConfig, peer: SocketAddr, tls: Option<&Generation>) -> Self {
        // An IPv4 client on an IPv6 socket is still an IPv4 client.
        let ip = peer.ip().to_canonical();
        Self {
            address: address_value(ip),
            trusted: config.trusts(ip),
            secure: tls.is_some(),
            hsts: tls.and_then(|tls| tls.hsts.clone()),
        }
    }

    /// How its requests come here.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

fn address_value(ip: IpAddr) -> HeaderValue {
    HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}
