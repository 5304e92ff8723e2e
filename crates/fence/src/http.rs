//! One HTTP request with one deadline over all of it: connecting, sending and reading the
//! answer. A connection is never kept: what is asked here is asked a few times a second, and
//! of a machine that may just have died.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer longer than this is not from etcd or Patroni about a handful of nodes, bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// Why there is no answer. None of it is the fault of the one who asks.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{0} is not an address with a host")]
    Address(Uri),
    #[error("no answer from {uri} within {deadline:?}")]
    Late { uri: Uri, deadline: Duration },
    #[error("cannot connect to {uri}: {source}")]
    Connect { uri: Uri, source: std::io::Error },
    #[error("no whole answer from {uri}: {source}")]
    Broken {
        uri: Uri,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Gets `uri`.
pub(crate) async fn get(uri: &Uri, deadline: Duration) -> Result<(StatusCode, Bytes), HttpError> {
    send(Request::get(uri.path()), uri, Bytes::new(), deadline).await
}

/// Posts JSON to `uri`.
pub(crate) async fn post(uri: &Uri, body: Vec<u8>, deadline: Duration) -> Result<(StatusCode, Bytes), HttpError> {
    let request = Request::post(uri.path()).header(header::CONTENT_TYPE, "application/json");
    send(request, uri, body.into(), deadline).await
}

async fn send(
    request: http::request::Builder,
    uri: &Uri,
    body: Bytes,
    deadline: Duration,
) -> Result<(StatusCode, Bytes), HttpError> {
    timeout(deadline, exchange(request, uri, body))
        .await
        .unwrap_or_else(|_| {
            Err(HttpError::Late {
                uri: uri.clone(),
                deadline,
            })
        })
}

async fn exchange(request: http::request::Builder, uri: &Uri, body: Bytes) -> Result<(StatusCode, Bytes), HttpError> {
    let authority = uri.authority().ok_or_else(|| HttpError::Address(uri.clone()))?;
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| HttpError::Broken {
        uri: uri.clone(),
        source,
    };
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80)))
        .await
        .map_err(|source| HttpError::Connect {
            uri: uri.clone(),
            source,
        })?;
    let request = request
        .header(header::HOST, authority.as_str())
        .body(Full::new(body))
        .map_err(|error| broken(error.into()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(error.into()))?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await?;
        Ok((status, body.to_bytes()))
    };
    // The connection is driven here and not by a task of its own: what is given up is gone.
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer.map_err(broken),
        // The connection may end with its answer's last byte, before that has been taken.
        _ = connection => answer.await.map_err(broken),
    }
}
