//! Who a client is, as far as its connection tells.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};

use http::HeaderValue;

use crate::config::ClientConfig;
use crate::request::headers::Forwarded;
use crate::tls::Generation;

/// The other end of a client's connection.
pub(crate) struct Peer {
    pub(crate) ip: IpAddr,
    /// Its address as a header's value.
    pub(crate) address: HeaderValue,
    /// It is a proxy whose word is taken.
    pub(crate) trusted: bool,
    /// Its Forwarded header, made once.
    pub(crate) forwarded: Forwarded,
    /// It speaks TLS with this balancer.
    secure: bool,
    /// The version of TLS that was agreed on.
    pub(super) tls_version: Cell<Option<&'static str>>,
    /// What its answers say of plain HTTP.
    pub(crate) hsts: Option<HeaderValue>,
}

impl Peer {
    pub(super) fn new(config: &ClientConfig, peer: SocketAddr, tls: Option<&Generation>) -> Self {
        // An IPv4 client on an IPv6 socket is still an IPv4 client.
        let ip = peer.ip().to_canonical();
        Self {
            ip,
            address: address_value(ip),
            trusted: config.trusts(ip),
            forwarded: Forwarded::default(),
            secure: tls.is_some(),
            tls_version: Cell::new(None),
            hsts: tls.and_then(|tls| tls.hsts.clone()),
        }
    }

    /// The version of TLS it speaks, if it does.
    pub(crate) fn tls_version(&self) -> Option<&'static str> {
        self.tls_version.get()
    }

    /// How its requests come here.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

fn address_value(ip: IpAddr) -> HeaderValue {
    HeaderValue::from_str(&ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}
