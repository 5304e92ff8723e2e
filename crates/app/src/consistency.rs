//! Readers see their own writes, and never go backwards, on whichever app server and replica: the session of a request.
//!
//! Who has written carries a [`token`], browsers in a cookie and clients of the API in a header. Reads of a request with
//! one are never older than it says, and the answer carries one that says what they have seen. A request without one
//! reads what is at most ten seconds old and gets none, so that its answer is the same for everybody and may be cached.
//!
//! A token that is forged, expired or garbage is no error: such a request reads the newest that there is, and its answer
//! carries a good one. When no node has reached the position of a token, the answer is 503 on both hosts: in a minute at
//! most the token has expired, and until then no listener is shown a vote of his undone.

mod token;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::response::Response;
use catalog::{Database, Freshness, Position, Read};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::host::Host;
use token::LIFETIME;
pub(crate) use token::Tokens;

/// Carries the token of clients of the API, both ways.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("radiodeck-consistency");
/// Carries the token of browsers.
const COOKIE: &str = "radiodeck_consistency";

/// What one request must see, and what it has seen and written. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Session {
    read: Read,
    /// The client carries a token, good or not.
    carried: bool,
    wrote: Arc<Mutex<Option<Position>>>,
}

impl Session {
    /// Reads what the client carries.
    pub(crate) fn begin(host: Host, headers: &HeaderMap, tokens: &Tokens, database: &Database) -> Self {
        let carried = match host {
            Host::Api => headers.get(HEADER).map(HeaderValue::as_bytes),
            Host::Site => cookie(headers),
        };
        let freshness = match carried {
            None => Freshness::Bounded,
            Some(token) => tokens
                .open(token, SystemTime::now())
                .map_or(Freshness::Newest, Freshness::AtLeast),
        };
        Self {
            read: database.read(freshness),
            carried: carried.is_some(),
            wrote: Arc::default(),
        }
    }

    /// Reads that are fresh enough for this client.
    pub(crate) fn read(&self) -> &Read {
        &self.read
    }

    /// Notes a write of this request.
    pub(crate) fn wrote(&self, position: Position) {
        let mut wrote = self.wrote.lock().unwrap_or_else(PoisonError::into_inner);
        *wrote = Some(wrote.map_or(position, |before| before.later(position)));
    }

    /// Hands the client the token for its next request, and keeps the answer out of shared caches. `scheme` is the one
    /// that the client speaks.
    pub(crate) fn end(&self, host: Host, scheme: &str, tokens: &Tokens, response: &mut Response) {
        let wrote = *self.wrote.lock().unwrap_or_else(PoisonError::into_inner);
        let headers = response.headers_mut();
        if host == Host::Api {
            headers.append(header::VARY, HeaderValue::from_name(HEADER));
        }
        if (self.carried || wrote.is_some())
            && let Some(kept) = headers.get_mut(header::CACHE_CONTROL)
            && kept.as_bytes().starts_with(b"public")
        {
            *kept = HeaderValue::from_static("private, no-cache");
        }
        let newest = match (wrote, self.read.seen()) {
            (Some(wrote), Some(seen)) => Some(wrote.later(seen)),
            (wrote, seen) => wrote.or(seen),
        };
        // Without a read or a write there is nothing new to say.
        let Some(position) = newest else { return };
        let token = tokens.seal(position, SystemTime::now());
        let (name, value) = match host {
            Host::Api => (HEADER, token),
            Host::Site => {
                let secure = if scheme == "https" { "; Secure" } else { "" };
                let seconds = LIFETIME.as_secs();
                let attributes = format!("Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
                (header::SET_COOKIE, format!("{COOKIE}={token}; {attributes}"))
            }
        };
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    }
}

/// The token among the cookies (RFC 6265, section 4.2.1).
fn cookie(headers: &HeaderMap) -> Option<&[u8]> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .find_map(|pair| pair.trim_ascii().strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let found = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::COOKIE, HeaderValue::from_str(value).expect("a value"));
            }
            cookie(&headers).map(<[u8]>::to_vec)
        };
        assert_eq!(found(&["a=b; radiodeck_consistency=xyz;c=d"]), Some(b"xyz".to_vec()));
        assert_eq!(found(&["a=b", "radiodeck_consistency="]), Some(b"".to_vec()));
        assert_eq!(found(&["radiodeck_consistency_2=x; radiodeck_consistency"]), None);
        assert_eq!(found(&[]), None);
    }
}
