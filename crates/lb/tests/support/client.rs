//! A client that sends exactly the bytes it is given and reads what comes.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;
use super::app::find;

/// An answer as it arrived.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut ours = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        ours.next().map(|(_, value)| value.trim())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection to the balancer.
pub struct Client<Stream = TcpStream> {
    pub stream: Stream,
    buffer: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connected");
        stream.set_nodelay(true).expect("an option");
        Self::on(stream)
    }
}

impl<Stream: AsyncRead + AsyncWrite + Unpin> Client<Stream> {
    /// On a connection that is there.
    pub fn on(stream: Stream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("sent");
    }

    /// Reads one answer to a request with this method. `None` if the connection
    /// ends, or breaks, before the answer does.
    pub async fn try_read(&mut self, method: &str) -> Option<Answer> {
        timeout(PATIENCE, self.read_whole(method)).await.unwrap_or_else(|_| {
            panic!(
                "no whole answer in time; so far: {:?}",
                String::from_utf8_lossy(&self.buffer)
            )
        })
    }

    pub async fn read(&mut self, method: &str) -> Answer {
        match self.try_read(method).await {
            Some(answer) => answer,
            None => panic!(
                "closed before a whole answer: {:?}",
                String::from_utf8_lossy(&self.buffer)
            ),
        }
    }

    async fn more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }

    async fn read_whole(&mut self, method: &str) -> Option<Answer> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end);
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status");
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return Some(answer);
        }
        if let Some(length) = answer.header("content-length").map(str::to_owned) {
            let length: usize = length.parse().expect("a length");
            while self.buffer.len() < length {
                self.more().await?;
            }
            answer.body = self.buffer.drain(..length).collect();
        } else if answer.header("transfer-encoding").is_some() {
            loop {
                let line = loop {
                    if let Some(end) = find(&self.buffer, b"\r\n") {
                        break self.buffer.drain(..end + 2).collect::<Vec<u8>>();
                    }
                    self.more().await?;
                };
                let size = String::from_utf8_lossy(&line);
                let size = usize::from_str_radix(size.trim(), 16).expect("a chunk size");
                while self.buffer.len() < size + 2 {
                    self.more().await?;
                }
                answer.body.extend(self.buffer.drain(..size));
                self.buffer.drain(..2);
                if size == 0 {
                    break;
                }
            }
        } else {
            // Ends with the connection: a reset is not an end.
            loop {
                match self.stream.read_buf(&mut self.buffer).await {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
            answer.body = std::mem::take(&mut self.buffer);
        }
        Some(answer)
    }

    /// Reads up to these bytes.
    pub async fn read_to(&mut self, end: &str) -> String {
        let all_here = async { while find(&self.buffer, end.as_bytes()).is_none() && self.more().await.is_some() {} };
        let _late = timeout(PATIENCE, all_here).await;
        let read = String::from_utf8_lossy(&self.buffer).into_owned();
        let at = find(&self.buffer, end.as_bytes()).unwrap_or_else(|| panic!("no {end:?} in {read:?}"));
        self.buffer.drain(..at + end.len());
        read
    }

    /// Reads these very bytes.
    pub async fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let all_here = async { while self.buffer.len() < bytes.len() && self.more().await.is_some() {} };
        let _late = timeout(PATIENCE, all_here).await;
        assert!(
            self.buffer.starts_with(bytes),
            "not {:?} but {:?}",
            String::from_utf8_lossy(bytes),
            String::from_utf8_lossy(&self.buffer)
        );
        self.buffer.drain(..bytes.len());
    }

    /// Whether the other side closes, without sending anything more.
    pub async fn is_closed(&mut self) -> bool {
        assert!(
            self.buffer.is_empty(),
            "unread: {:?}",
            String::from_utf8_lossy(&self.buffer)
        );
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        matches!(read.expect("closed in time"), Ok(0) | Err(_))
    }
}

/// One request on a connection of its own.
pub async fn request(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Answer {
    let method = String::from_utf8_lossy(bytes.as_ref())
        .split(' ')
        .next()
        .expect("a method")
        .to_owned();
    let mut client = Client::connect(address).await;
    client.send(bytes).await;
    client.read(&method).await
}

/// A plain GET.
pub async fn get(address: SocketAddr, host: &str, path: &str) -> Answer {
    request(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
    )
    .await
}
