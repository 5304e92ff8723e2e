//! An HTTP/1.1 client that sends what it is told: one connection a request, any
//! Host, raw bytes where a test wants them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(15);

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// A header's value as text, empty when missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none, with the whole answer.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

/// Asks with GET.
///
/// # Errors
/// What went wrong, as text: connecting, sending, reading, or the deadline.
pub async fn get(addr: SocketAddr, host: &str, path: &str) -> Result<Answer, String> {
    send(addr, host, Method::GET, path, &BTreeMap::new(), "").await
}

/// Asks with any method, headers and body.
///
/// # Errors
/// What went wrong, as text: connecting, sending, reading, or the deadline.
pub async fn send(
    addr: SocketAddr,
    host: &str,
    method: Method,
    path: &str,
    headers: &BTreeMap<&str, &str>,
    body: &str,
) -> Result<Answer, String> {
    let mut request = Request::builder().method(method).uri(path).header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Full::new(Bytes::from(body.to_owned())))
        .map_err(|e| format!("request: {e}"))?;
    in_time(async { exchange(connect(addr).await?, request).await }).await
}

/// Asks with GET at the first of `addrs` that answers, as a browser does with the addresses of a name. Says, too, at
/// how many it asked in vain.
///
/// # Errors
/// What went wrong at each, as text.
pub async fn get_at_any(addrs: &[SocketAddr], host: &str, path: &str) -> Result<(Answer, usize), String> {
    let mut errors = Vec::new();
    for addr in addrs {
        match get(*addr, host, path).await {
            Ok(answer) => return Ok((answer, errors.len())),
            Err(error) => errors.push(format!("{addr}: {error}")),
        }
    }
    Err(errors.join(", "))
}

pub(crate) async fn connect(addr: SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(addr).await.map_err(|e| format!("connect: {e}"))?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    Ok(stream)
}

pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, String> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| format!("handshake: {e}"))?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|e| format!("send: {e}"))?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|e| format!("body: {e}"))?.to_bytes();
    driver.abort();
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

pub(crate) async fn in_time<T>(exchange: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(DEADLINE, exchange)
        .await
        .map_err(|_| format!("no answer within {DEADLINE:?}"))?
}

/// Sends bytes as they are and reads until the server closes or falls silent.
///
/// # Errors
/// What went wrong on the socket, as text.
pub async fn raw(addr: SocketAddr, bytes: &[u8]) -> Result<String, String> {
    in_time(async {
        let mut stream = TcpStream::connect(addr).await.map_err(|e| e.to_string())?;
        stream.write_all(bytes).await.map_err(|e| e.to_string())?;
        let mut answer = vec![0; 64 * 1024];
        let mut length = 0;
        // A refused request is answered and closed; a served one may be kept alive.
        while length < answer.len() {
            match timeout(Duration::from_secs(3), stream.read(&mut answer[length..])).await {
                Ok(Ok(0)) | Err(_) => break,
                Ok(Ok(n)) => length += n,
                Ok(Err(error)) if length == 0 => return Err(error.to_string()),
                Ok(Err(_)) => break,
            }
        }
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    })
    .await
}
