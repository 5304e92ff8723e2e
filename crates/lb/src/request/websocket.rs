//! WebSocket over HTTP/2 (RFC 8441) in the form that servers know: an extended
//! CONNECT becomes the GET with which a connection of HTTP/1.1 asks to be
//! upgraded. The proof that a server has understood it (RFC 6455 4.2.2) has no
//! place in HTTP/2, so the key is made here and the proof looked at here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::ext::Protocol;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::upgrade::Wish;
use crate::problem::Problem;

/// Says to a server, together with the key, that its answer is to this request.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The key and the proof of one request.
#[derive(Debug, Clone)]
pub(crate) struct Handshake {
    key: HeaderValue,
    accept: HeaderValue,
}

impl Handshake {
    fn new(nonce: [u8; 16]) -> Option<Self> {
        let key = STANDARD.encode(nonce);
        let proof = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), GUID].concat());
        Some(Self {
            accept: HeaderValue::try_from(STANDARD.encode(proof)).ok()?,
            key: HeaderValue::try_from(key).ok()?,
        })
    }

    /// Puts the key into a request's headers.
    pub(super) fn ask(&self, headers: &mut HeaderMap) {
        headers.insert(SEC_WEBSOCKET_KEY, self.key.clone());
    }

    /// Whether a server's answer has the proof.
    pub(super) fn is_proven(&self, answer: &HeaderMap) -> bool {
        let mut proofs = answer.get_all(SEC_WEBSOCKET_ACCEPT).iter();
        proofs.next() == Some(&self.accept) && proofs.next().is_none()
    }
}

/// Makes a GET of an extended CONNECT, and answers what it asks for. Everything
/// else stays as it is.
pub(crate) fn begin(parts: &mut Parts) -> Result<Option<Wish>, Problem> {
    if parts.method != Method::CONNECT {
        return Ok(None);
    }
    let Some(protocol) = parts.extensions.remove::<Protocol>() else {
        return Ok(None);
    };
    // RFC 9220 3: whatever else there is to be tunnelled is not known here.
    if !protocol.as_ref().eq_ignore_ascii_case(b"websocket") {
        return Err(Problem::ProtocolUnknown);
    }
    parts.method = Method::GET;
    // It has no body: what follows is the tunnel's.
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(SEC_WEBSOCKET_ACCEPT);
    let handshake = Handshake::new(rand::random()).ok_or(Problem::ProtocolUnknown)?;
    Ok(Some(Wish::with_handshake(
        HeaderValue::from_static("websocket"),
        handshake,
    )))
}

/// Makes the answer of a server that has switched protocols the one that HTTP/2
/// has for it.
pub(crate) fn switched<B>(response: &mut Response<B>) {
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.remove(UPGRADE);
    headers.remove(SEC_WEBSOCKET_ACCEPT);
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn connect(protocol: Option<&'static str>) -> Parts {
        let mut request = Request::connect("http://a/chat").body(()).expect("a request");
        if let Some(protocol) = protocol {
            request.extensions_mut().insert(Protocol::from_static(protocol));
        }
        request.into_parts().0
    }

    #[test]
    fn rfc_6455_1_3_the_proof_is_the_one_of_the_specification() {
        let handshake = Handshake::new(*b"the sample nonce").expect("made");
        assert_eq!(handshake.key, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let mut answer = HeaderMap::new();
        assert!(!handshake.is_proven(&answer));
        answer.append(SEC_WEBSOCKET_ACCEPT, handshake.accept.clone());
        assert!(handshake.is_proven(&answer));
        answer.append(SEC_WEBSOCKET_ACCEPT, handshake.accept.clone());
        assert!(!handshake.is_proven(&answer));
    }

    #[test]
    fn rfc_8441_5_an_extended_connect_becomes_a_get_with_a_key_of_ours() {
        let mut parts = connect(Some("websocket"));
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        parts
            .headers
            .insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("theirs"));
        let wish = begin(&mut parts).expect("fine").expect("a wish");
        assert_eq!(parts.method, Method::GET);
        assert!(!parts.headers.contains_key(CONTENT_LENGTH));
        wish.ask(&mut parts.headers);
        let keys: Vec<_> = parts.headers.get_all(SEC_WEBSOCKET_KEY).iter().collect();
        assert!(keys.len() == 1 && keys[0].len() == 24, "{keys:?}");
        assert_eq!(parts.headers[UPGRADE], "websocket");
    }

    #[test]
    fn only_websocket_is_known_and_a_plain_connect_stays_one() {
        assert_eq!(
            begin(&mut connect(Some("connect-udp"))).err(),
            Some(Problem::ProtocolUnknown)
        );
        let mut plain = connect(None);
        assert!(begin(&mut plain).expect("left alone").is_none());
        assert_eq!(plain.method, Method::CONNECT);
    }
}
