//! How requests are spread over the servers of a pool, and where they wait when
//! all of these have enough to do.

use http::HeaderName;
use serde::{Deserialize, Serialize};
use service::ConfigError;

use super::within;

/// A way to spread requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Each server in turn, over all workers.
    #[default]
    RoundRobin,
    /// In turn, each as often as its weight says, evenly spread.
    WeightedRoundRobin,
    /// Of two servers the one with fewer requests in flight for its weight.
    LeastRequests,
    /// The same server for the same key, for as long as it is there.
    Hash,
}

/// What of a request is hashed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum HashKey {
    /// The value of a header.
    Header(HeaderName),
    /// The value of a cookie.
    Cookie(String),
    /// Who sent it, as trusted proxies tell it.
    ClientAddress,
    /// Its path, without the query.
    Path,
    /// Its host.
    Host,
}

impl TryFrom<String> for HashKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // RFC 6265 4.1.1: a cookie's name is a token, as a header's is.
        let token = |name: &str| HeaderName::try_from(name).map_err(|_| format!("`{name}` in `{text}` is no name"));
        match text.split_once(':') {
            Some(("header", name)) => Ok(Self::Header(token(name)?)),
            Some(("cookie", name)) => token(name).map(|_| Self::Cookie(name.to_owned())),
            _ => match text.as_str() {
                "client_address" => Ok(Self::ClientAddress),
                "path" => Ok(Self::Path),
                "host" => Ok(Self::Host),
                _ => Err(format!(
                    "`{text}` is none of header:NAME, cookie:NAME, client_address, path and host"
                )),
            },
        }
    }
}

/// The queue of a pool whose servers are all at `max_requests`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueConfig {
    /// Requests that may wait at once, over all workers. Above: 503.
    pub length: usize,
    /// How long one may wait, milliseconds. Longer: 503.
    pub timeout_ms: u64,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            length: 1000,
            timeout_ms: 2000,
        }
    }
}

impl QueueConfig {
    pub(super) fn check(&self, key: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        within(key("queue.length"), self.length as u64, 0, 100_000)?;
        within(key("queue.timeout_ms"), self.timeout_ms, 50, 3_600_000)
    }
}
