//! What a message's headers call for, found in one pass over their names.
//! Nearly every request has nothing but a Host and things to pass on: one look
//! at each name is then all it costs, instead of a lookup for each header that
//! could have been there.

use http::HeaderMap;

use super::claims::is_claim;

/// A set of the constants below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found(u16);

impl Found {
    pub(super) const CONNECTION: Self = Self(1);
    pub(super) const TRANSFER_ENCODING: Self = Self(1 << 1);
    /// For one hop, whatever it says: Keep-Alive, Upgrade and the like.
    pub(super) const HOP: Self = Self(1 << 2);
    pub(super) const TE: Self = Self(1 << 3);
    pub(super) const TRAILER: Self = Self(1 << 4);
    /// Of a request, and not for the server: Expect, Proxy-Authorization.
    pub(super) const OURS: Self = Self(1 << 5);
    pub(super) const VIA: Self = Self(1 << 6);
    /// Something of the way a request came; see [`is_claim`].
    pub(super) const CLAIM: Self = Self(1 << 7);
    /// What no server may see, from whomever; see [`is_poison`].
    pub(super) const POISON: Self = Self(1 << 8);
    pub(super) const TRACE: Self = Self(1 << 9);

    pub(super) fn in_headers(headers: &HeaderMap) -> Self {
        headers
            .keys()
            .fold(Self(0), |found, name| found.or(Self::by_name(name.as_str())))
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of `what` is there.
    pub(super) const fn has(self, what: Self) -> bool {
        self.0 & what.0 != 0
    }

    fn by_name(name: &str) -> Self {
        match name.as_bytes() {
            b"connection" => Self::CONNECTION,
            b"transfer-encoding" => Self::TRANSFER_ENCODING,
            b"keep-alive" | b"proxy-connection" | b"upgrade" | b"http2-settings" => Self::HOP,
            b"te" => Self::TE,
            b"trailer" => Self::TRAILER,
            b"expect" | b"proxy-authorization" => Self::OURS,
            b"via" => Self::VIA,
            b"traceparent" | b"tracestate" => Self::TRACE,
            [b'x', b'-' | b'_', ..] | [b'f', ..] if is_claim(name) => Self::CLAIM,
            [b'c' | b'p' | b't', ..] if is_poison(name) => Self::POISON,
            _ => Self(0),
        }
    }
}

/// Names that CGI and its heirs (WSGI, Rack, PHP) would take for something
/// else: underscores become hyphens there, so these would be read beside the
/// framing or the proxy headers that were checked; and `Proxy` becomes the
/// variable that sets an HTTP client's proxy (CVE-2016-5385).
pub(super) fn is_poison(name: &str) -> bool {
    matches!(
        name,
        "proxy" | "content_length" | "content_type" | "transfer_encoding" | "proxy_authorization" | "proxy_connection"
    )
}
