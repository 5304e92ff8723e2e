//! Connections that take places and time and give nothing: silent ones, heads
//! that do not end, a byte a second in either direction.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::tally::Tally;

/// Between two that connect.
const PACE: Duration = Duration::from_micros(250);
/// One that was ended comes again after this time.
const PAUSE: Duration = Duration::from_secs(5);
/// For one to be accepted.
const CONNECT: Duration = Duration::from_secs(10);
const DRIP: Duration = Duration::from_secs(1);
/// Of a slow reader: the least that a system grants.
const RECEIVE_BYTES: u32 = 4096;
const HEAD: &[u8] = b"GET /3 HTTP/1.1\r\nHost: bench\r\nX-Slow: ";

/// How one behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Silent,
    HalfHead,
    SlowHead,
    SlowBody,
    SlowReader,
}

/// Many of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    pub(super) name: &'static str,
    pub(super) size: usize,
    /// In turn.
    manners: &'static [Manner],
    /// From many addresses of 127.0.0.0/8, and not from one.
    many_addresses: bool,
}

impl Crowd {
    pub(super) fn half_open(size: usize, many_addresses: bool) -> Self {
        Self {
            name: if many_addresses {
                "half-open, from many addresses"
            } else {
                "half-open, from one address"
            },
            size,
            manners: &[Manner::Silent, Manner::HalfHead],
            many_addresses,
        }
    }

    pub(super) fn slow(size: usize) -> Self {
        Self {
            name: "slow",
            size,
            manners: &[Manner::SlowHead, Manner::SlowBody, Manner::SlowReader],
            many_addresses: true,
        }
    }

    /// Keeps all of them there.
    pub(super) async fn stand(self, at: SocketAddr, tally: Arc<Tally>) {
        join_all((0..self.size).map(|number| {
            let tally = tally.clone();
            let manner = self.manners[number % self.manners.len()];
            let from = self.many_addresses.then(|| address(number));
            async move {
                sleep(PACE * number as u32).await;
                loop {
                    let how = match timeout(CONNECT, connect(at, from, manner)).await {
                        Ok(Ok(stream)) => {
                            let _open = tally.enter();
                            behave(stream, manner).await
                        }
                        Ok(Err(error)) => format!("not connected: {}", error.kind()),
                        Err(_) => "not connected in time".into(),
                    };
                    tally.ended(&how);
                    sleep(PAUSE).await;
                }
            }
        }))
        .await;
    }
}

/// One of 127.1.0.0/16, 250 connections each.
fn address(number: usize) -> Ipv4Addr {
    let host = 1 + number / 250;
    Ipv4Addr::new(127, 1, (host >> 8) as u8, host as u8)
}

async fn connect(at: SocketAddr, from: Option<Ipv4Addr>, manner: Manner) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = from {
        socket.bind((from, 0).into())?;
    }
    if manner == Manner::SlowReader {
        socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    }
    socket.connect(at).await
}

/// Goes on until it is ended. Gives how.
async fn behave(mut stream: TcpStream, manner: Manner) -> String {
    let beginning = match manner {
        Manner::Silent => &b""[..],
        Manner::HalfHead | Manner::SlowHead => HEAD,
        Manner::SlowBody => b"POST /3 HTTP/1.1\r\nHost: bench\r\nContent-Length: 1000\r\n\r\n",
        Manner::SlowReader => b"GET /1000000 HTTP/1.1\r\nHost: bench\r\n\r\n",
    };
    if let Err(error) = stream.write_all(beginning).await {
        return error.kind().to_string();
    }
    if matches!(manner, Manner::Silent | Manner::HalfHead) {
        return end(&mut stream).await;
    }
    let mut seconds = interval(DRIP);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut got = 0;
    if manner == Manner::SlowReader {
        loop {
            seconds.tick().await;
            match stream.read_u8().await {
                Ok(_) => got += 1,
                Err(error) => return format!("{} while an answer was read", error.kind()),
            }
            if got > 1000 {
                return "never ended".into();
            }
        }
    }
    let (mut reader, mut writer) = stream.split();
    loop {
        tokio::select! {
            how = end(&mut reader) => return how,
            _ = seconds.tick() => {
                // What it is told to is seen by reading.
                let _ = writer.write_all(b"x").await;
            }
        }
    }
}

/// Waits for an answer, or for the end without one.
async fn end<R: AsyncReadExt + Unpin>(reader: &mut R) -> String {
    let mut answer = [0; 64];
    match reader.read(&mut answer).await {
        Ok(0) => "closed".into(),
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&answer[..bytes]);
            text.split(' ').nth(1).unwrap_or("no status").to_owned()
        }
        Err(error) => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_comes_from_more_addresses_than_there_are() {
        for number in [0, 249, 250, 19_999, 100_000] {
            assert!(address(number).is_loopback());
        }
        assert_eq!(address(249), address(0));
        assert_ne!(address(250), address(0));
    }

    #[test]
    fn one_that_is_answered_says_with_what() {
        let runtime = crate::measure::runtime().expect("a runtime");
        let how = |bytes: &'static [u8]| runtime.block_on(async { end(&mut &bytes[..]).await });
        assert_eq!(how(b"HTTP/1.1 408 Request Timeout\r\n"), "408");
        assert_eq!(how(b""), "closed");
    }
}
