//! A server that hands a test the bare connection behind a request's head.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::app::find;

/// A running server; it stops when dropped.
pub struct Bare {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Bare {
    /// Calls `serve` for each connection with the head of its first request, and
    /// what came behind it. Health checks are answered apart.
    pub async fn serving<Served>(serve: impl Fn(TcpStream, String, Vec<u8>) -> Served + Send + Sync + 'static) -> Self
    where
        Served: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let serve = Arc::new(serve);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serve = serve.clone();
                tokio::spawn(async move {
                    if let Some((stream, head, rest)) = begin(stream).await {
                        serve(stream, head, rest).await;
                    }
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn begin(mut stream: TcpStream) -> Option<(TcpStream, String, Vec<u8>)> {
    stream.set_nodelay(true).expect("an option");
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = find(&bytes, b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let rest = bytes.split_off(end);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    if head.starts_with("GET /healthz ") {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let _sent = stream.write_all(answer.as_bytes()).await;
        return None;
    }
    Some((stream, head, rest))
}
