//! One question with its whole answer, for what surrounds a load: finding out
//! what to ask for, and looking at an answer closely.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::load::Target;
use super::target::loopback;

/// Longer answers are errors.
const MAX_BODY_BYTES: usize = 32 << 20;

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header as text; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// Asks `addr`, on a connection of its own, within `deadline`.
///
/// # Errors
/// Why there is no whole answer.
pub(crate) async fn ask(addr: SocketAddr, target: &Target, deadline: Duration) -> Result<Answer, String> {
    let addr = loopback(addr).map_err(|error| error.to_string())?;
    let exchange = async {
        let stream = TcpStream::connect(addr)
            .await
            .map_err(|error| format!("connect: {error}"))?;
        let (mut sender, driver) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| format!("connect: {error}"))?;
        let driver = tokio::spawn(driver);
        let request = Request::builder()
            .method(&target.method)
            .uri(&target.path)
            .header(header::HOST, &target.host)
            .header(header::USER_AGENT, "radiodeck-load")
            .body(Full::new(target.body.clone()))
            .map_err(|error| format!("request: {error}"))?;
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES)
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        driver.abort();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        })
    };
    timeout(deadline, exchange)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} ms", deadline.as_millis())))
}
