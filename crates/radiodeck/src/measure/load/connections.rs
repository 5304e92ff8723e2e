//! Keep-alive connections, as a browser or a client library holds them: reused
//! while they last, opened anew when none is idle.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::Outcome;

type Connection = SendRequest<Full<Bytes>>;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// GET or POST.
    pub(crate) method: Method,
    /// Host header.
    pub(crate) host: String,
    /// Path and query.
    pub(crate) path: String,
    /// What a POST sends.
    pub(crate) body: Bytes,
    /// The body that a good answer must have, where that is known.
    pub(crate) expected: Option<Bytes>,
}

impl Target {
    /// A GET.
    pub(crate) fn get(host: &str, path: &str) -> Self {
        Self {
            method: Method::GET,
            host: host.into(),
            path: path.into(),
            body: Bytes::new(),
            expected: None,
        }
    }

    /// A POST of `body`.
    pub(crate) fn post(host: &str, path: &str, body: Bytes) -> Self {
        Self {
            method: Method::POST,
            body,
            ..Self::get(host, path)
        }
    }

    /// The same, whose answer must be `body`.
    pub(crate) fn expecting(self, body: Bytes) -> Self {
        Self {
            expected: Some(body),
            ..self
        }
    }
}

pub(super) struct Connections {
    addr: SocketAddr,
    idle: Mutex<Vec<Connection>>,
}

impl Connections {
    pub(super) fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Asks once and reads the whole answer. A request is sent again only when a
    /// connection that was idle turns out to be closed and nothing was written.
    pub(super) async fn ask(&self, target: &Target, deadline: Instant) -> Outcome {
        match timeout_at(deadline, self.exchange(target)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(reason)) => Outcome::Failed(reason),
            Err(_) => Outcome::TimedOut,
        }
    }

    async fn exchange(&self, target: &Target) -> Result<Outcome, String> {
        let mut request = Request::builder()
            .method(&target.method)
            .uri(&target.path)
            .header(header::HOST, &target.host)
            .header(header::USER_AGENT, "radiodeck-load")
            .body(Full::new(target.body.clone()))
            .map_err(|error| format!("request: {error}"))?;
        loop {
            let (mut connection, reused) = match self.take_idle() {
                Some(connection) => (connection, true),
                None => (self.open().await?, false),
            };
            match connection.try_send_request(request).await {
                Ok(answer) => {
                    let status = answer.status();
                    let mut body = answer.into_body();
                    let mut rest = target.expected.as_deref().filter(|_| status.is_success());
                    let mut other = false;
                    while let Some(frame) = body.frame().await {
                        let frame = match frame {
                            Ok(frame) => frame,
                            Err(error) => return Ok(Outcome::Cut(reason(&error))),
                        };
                        if let (Some(expected), Some(data)) = (rest, frame.data_ref()) {
                            rest = expected.strip_prefix(&data[..]);
                            other |= rest.is_none();
                        }
                    }
                    other |= rest.is_some_and(|missing| !missing.is_empty());
                    // It is idle only once the connection has seen the end of the answer, too.
                    if connection.ready().await.is_ok() {
                        self.lock().push(connection);
                    }
                    return Ok(if other {
                        Outcome::Foreign
                    } else {
                        Outcome::Answered(status.as_u16())
                    });
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(format!("no answer: {}", reason(error.error()))),
                },
            }
        }
    }

    async fn open(&self) -> Result<Connection, String> {
        let stream = TcpStream::connect(self.addr)
            .await
            .map_err(|error| format!("connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| format!("connect: {error}"))?;
        let (sender, driver) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| format!("connect: {error}"))?;
        // Its error reaches whoever waits for the answer.
        tokio::spawn(async move { drop(driver.await) });
        Ok(sender)
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.lock();
        loop {
            let connection = idle.pop()?;
            if connection.is_ready() {
                return Some(connection);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error with its cause: hyper's own text does not name it.
fn reason(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
