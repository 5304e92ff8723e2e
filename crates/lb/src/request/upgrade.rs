//! Requests to upgrade (RFC 9110 7.8): which are heard, and what of them goes
//! on to a server.
//!
//! The wish alone changes nothing. A connection becomes a tunnel when a server
//! has answered 101 and named a protocol that the client had named (CVE-2026-2833:
//! a proxy that switched at the request passed everything behind it on unread).

use http::header::{CONNECTION, HeaderMap, HeaderValue, TE, UPGRADE};

use super::websocket::Handshake;

/// What a head says of an upgrade, line by line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Offer {
    protocol: bool,
    option: bool,
}

impl Offer {
    /// Takes in one field.
    pub(super) fn see(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"upgrade") {
            self.protocol = true;
        } else if name.eq_ignore_ascii_case(b"connection") {
            self.option |= tokens(value).any(|token| token.eq_ignore_ascii_case(b"upgrade"));
        }
    }

    /// Whether both lines are there. One of them means nothing.
    pub(super) fn is_whole(self) -> bool {
        self.protocol && self.option
    }
}

/// What a server is asked to switch to.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The protocols, as a list.
    protocols: HeaderValue,
    /// What only a server that knows WebSocket can answer, where it is not the
    /// client who asks for that.
    handshake: Option<Handshake>,
}

impl Wish {
    /// Of a client of HTTP/1.1, which looks at the answer itself.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let protocols = wanted(headers)?;
        Some(Self {
            protocols,
            handshake: None,
        })
    }

    /// Of somebody who leaves the handshake to us.
    pub(super) fn with_handshake(protocols: HeaderValue, handshake: Handshake) -> Self {
        Self {
            protocols,
            handshake: Some(handshake),
        }
    }

    /// Puts the wish into headers from which all of this hop were taken.
    pub(crate) fn ask(&self, headers: &mut HeaderMap) {
        // Its connection option would be a second one, and a tunnel has no trailers.
        headers.remove(TE);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, self.protocols.clone());
        if let Some(handshake) = &self.handshake {
            handshake.ask(headers);
        }
    }

    /// What the server has switched to, if it is what it was asked for.
    pub(crate) fn granted(&self, answer: &HeaderMap) -> Option<HeaderValue> {
        let proven = |handshake: &Handshake| handshake.is_proven(answer);
        agreed(&self.protocols, answer).filter(|_| self.handshake.as_ref().is_none_or(proven))
    }
}

/// The protocols that a server may be asked for, out of those a client names.
fn wanted(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut list: Vec<u8> = Vec::new();
    let named = headers.get_all(UPGRADE).iter().map(HeaderValue::as_bytes);
    for protocol in named.flat_map(tokens).filter(|protocol| is_protocol(protocol)) {
        if !list.is_empty() {
            list.extend_from_slice(b", ");
        }
        list.extend_from_slice(protocol);
    }
    // A value made of values is one; empty it is none.
    HeaderValue::from_bytes(&list).ok().filter(|list| !list.is_empty())
}

/// What the server has switched to, if it is something that it was asked for.
fn agreed(asked: &HeaderValue, answer: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = answer.get_all(UPGRADE).iter();
    let (Some(protocol), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let named = |token: &[u8]| tokens(asked.as_bytes()).any(|one| one.eq_ignore_ascii_case(token));
    let mut switched = tokens(protocol.as_bytes());
    // A list is a stack of protocols, the lowest first: all of it was asked for or
    // none of it counts.
    let any = switched.clone().next().is_some();
    (any && switched.all(named)).then(|| protocol.clone())
}

/// Whether this is a protocol to switch to. Other ways to speak HTTP, and TLS
/// within HTTP, would carry requests past every check.
fn is_protocol(protocol: &[u8]) -> bool {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"/.-_+!#$%&'*^`|~".contains(byte);
    let name = protocol.split(|byte| *byte == b'/').next().unwrap_or_default();
    let is_http = [&b"h2c"[..], b"h2", b"h3", b"http", b"tls"]
        .iter()
        .any(|http| name.eq_ignore_ascii_case(http));
    protocol.iter().all(in_name) && !is_http
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upgrade(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(UPGRADE, HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn other_ways_to_speak_http_are_never_asked_for() {
        for (lines, protocols) in [
            (&["websocket"][..], Some("websocket")),
            (&["h2c, websocket"], Some("websocket")),
            (&["H2C", "chat/2, ,x"], Some("chat/2, x")),
            (&["h2c"], None),
            (&["TLS/1.3, HTTP/2.0, http"], None),
            (&["web socket"], None),
            (&[","], None),
            (&[], None),
        ] {
            let wanted = wanted(&upgrade(lines));
            assert_eq!(
                wanted.as_ref().map(|value| value.to_str().expect("text")),
                protocols,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn rfc_9110_15_2_2_a_server_switches_to_what_it_was_asked_for() {
        let asked = HeaderValue::from_static("chat/2, websocket");
        for (lines, right) in [
            (&["websocket"][..], true),
            (&["WebSocket"], true),
            (&["chat/2, websocket"], true),
            (&["chat"], false),
            (&["websocket, other"], false),
            (&["websocket", "websocket"], false),
            (&[""], false),
            (&[], false),
        ] {
            assert_eq!(agreed(&asked, &upgrade(lines)).is_some(), right, "{lines:?}");
        }
    }

    #[test]
    fn a_wish_needs_its_connection_option() {
        let offer = |lines: &[(&str, &str)]| {
            let mut offer = Offer::default();
            for (name, value) in lines {
                offer.see(name.as_bytes(), value.as_bytes());
            }
            offer.is_whole()
        };
        assert!(offer(&[
            ("Connection", "keep-alive, Upgrade"),
            ("UPGRADE", "websocket")
        ]));
        assert!(!offer(&[("Connection", "keep-alive"), ("Upgrade", "websocket")]));
        assert!(!offer(&[("Connection", "upgrade")]));
    }
}
