//! A well-behaved client of HTTP/2.

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Balancer, PATIENCE, eventually};

/// A connection to the balancer.
pub struct Http2(pub SendRequest<Bytes>);

impl Http2 {
    pub async fn connect(balancer: &Balancer) -> Self {
        let stream = TcpStream::connect(balancer.address).await.expect("connected");
        stream.set_nodelay(true).expect("an option");
        Self::on(stream).await
    }

    /// On a connection that is there.
    pub async fn on(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = h2::client::handshake(stream).await.expect("spoken to");
        tokio::spawn(connection);
        Self(sender)
    }

    /// Asks for a tunnel in which `protocol` is spoken (RFC 8441), when the balancer
    /// has said that one may.
    pub async fn tunnel(&self, path: &str, protocol: &'static str) -> (Response<RecvStream>, SendStream<Bytes>) {
        eventually("tunnels are offered", async || {
            match self.0.is_extended_connect_protocol_enabled() {
                true => Ok(()),
                false => Err("no such setting".into()),
            }
        })
        .await;
        let mut request = request("CONNECT", path);
        request.extensions_mut().insert(Protocol::from_static(protocol));
        request
            .headers_mut()
            .insert("sec-websocket-version", HeaderValue::from_static("13"));
        let (answer, stream) = self.begin(request, false).await;
        (
            timeout(PATIENCE, answer).await.expect("in time").expect("answered"),
            stream,
        )
    }

    pub async fn begin(&self, request: Request<()>, ends: bool) -> (ResponseFuture, SendStream<Bytes>) {
        let mut sender = self.0.clone().ready().await.expect("ready");
        sender.send_request(request, ends).expect("sent")
    }

    pub async fn ask(&self, request: Request<()>) -> Response<RecvStream> {
        let (answer, _) = self.begin(request, true).await;
        timeout(PATIENCE, answer).await.expect("in time").expect("answered")
    }
}

/// A request to the host `a`.
pub fn request(method: &str, path: &str) -> Request<()> {
    let request = Request::builder().method(method).uri(format!("http://a{path}"));
    request.body(()).expect("a request")
}

/// The whole body and its trailers.
pub async fn read(body: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        bytes.extend(chunk);
    }
    Ok((bytes, body.trailers().await?))
}

pub async fn text(answer: Response<RecvStream>) -> String {
    let (bytes, _) = read(&mut answer.into_body()).await.expect("a whole body");
    String::from_utf8(bytes).expect("text")
}
