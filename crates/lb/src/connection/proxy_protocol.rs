//! The PROXY protocol, versions 1 and 2: a header in front of everything else
//! in which a proxy says whose connection this is.
//!
//! A listener has it always or never. If it were optional, a client could send
//! one itself and be whoever it wants. So a connection without it, or with one
//! that is not exactly as specified, is closed without a word. It is read to its
//! last byte and not a byte further: what follows belongs to HTTP or to TLS.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::task::Poll;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::watch::{Alarm, Side};
use crate::worker::Worker;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The shortest header there is (`PROXY UNKNOWN`, CR and LF): so much may be read
/// before it is known what it is.
const SHORTEST_BYTES: usize = 15;
/// The longest of version 1, with CR and LF.
const MAX_V1_BYTES: usize = 107;
/// What version 2 has in front of addresses.
const V2_START_BYTES: usize = 16;
/// Longest rest of a version 2 header. Addresses are 36 bytes; the rest are notes
/// on the proxy's own connection, which nobody here reads.
const MAX_V2_BYTES: usize = 4096;
/// When the balancer drains, a header has so long to arrive, milliseconds.
const DRAIN_MS: u64 = 2000;

/// Not a header as specified, or none in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

impl From<io::Error> for Refused {
    fn from(_gone: io::Error) -> Self {
        Self
    }
}

/// Reads the header. Answers whose connection it is, or nothing if it is the
/// proxy's own, such as a check.
pub(crate) async fn read(worker: &Worker, stream: &mut TcpStream) -> Result<Option<SocketAddr>, Refused> {
    let watch = worker.clients.enter(None);
    let now_ms = worker.clock.now_ms();
    watch.set_due(Side::Read, now_ms + worker.plan().client.head_ms);
    watch.set_idle_since(now_ms);
    let mut reading = pin!(read_header(stream));
    std::future::poll_fn(|cx| {
        watch.listen(cx);
        if let Poll::Ready(read) = reading.as_mut().poll(cx) {
            return Poll::Ready(read);
        }
        match watch.alarm() {
            // A place that a silent proxy holds is the first to be given away.
            Some(Alarm::Evict) => {
                worker.stats().evicted.add(1);
                return Poll::Ready(Err(Refused));
            }
            Some(Alarm::Due) => return Poll::Ready(Err(Refused)),
            Some(Alarm::Drain) => {
                let due_ms = watch.due(Side::Read).min(worker.clock.now_ms() + DRAIN_MS);
                watch.set_due(Side::Read, due_ms);
                watch.clear_alarm();
            }
            Some(_) => watch.clear_alarm(),
            None => {}
        }
        Poll::Pending
    })
    .await
}

async fn read_header(stream: &mut TcpStream) -> Result<Option<SocketAddr>, Refused> {
    let mut header = vec![0; SHORTEST_BYTES];
    stream.read_exact(&mut header).await?;
    if header.starts_with(&SIGNATURE) {
        header.push(stream.read_u8().await?);
        let rest = v2_rest(&header)?;
        header.resize(V2_START_BYTES + rest, 0);
        stream.read_exact(&mut header[V2_START_BYTES..]).await?;
        return parse_v2(&header);
    }
    while !header.ends_with(b"\n") {
        let mut ahead = [0; MAX_V1_BYTES];
        let room = MAX_V1_BYTES - header.len();
        if room == 0 || !header.starts_with(b"PROXY ") {
            return Err(Refused);
        }
        let seen = stream.peek(&mut ahead[..room]).await?;
        let end = ahead[..seen].iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(seen, |end| end + 1);
        if taken == 0 {
            return Err(Refused);
        }
        let from = header.len();
        header.resize(from + taken, 0);
        stream.read_exact(&mut header[from..]).await?;
    }
    parse_v1(&header)
}

/// A whole header of version 1.
fn parse_v1(header: &[u8]) -> Result<Option<SocketAddr>, Refused> {
    if header.len() > MAX_V1_BYTES {
        return Err(Refused);
    }
    let line = header.strip_suffix(b"\r\n").ok_or(Refused)?;
    let line = line.strip_prefix(b"PROXY ").ok_or(Refused)?;
    // Whatever a proxy adds to that is to be passed over.
    if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        let clean = !line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
        return if clean { Ok(None) } else { Err(Refused) };
    }
    let text = std::str::from_utf8(line).map_err(|_| Refused)?;
    let mut words = text.split(' ');
    let mut word = || words.next().ok_or(Refused);
    let (family, source, destination) = (word()?, word()?, word()?);
    let (source_port, destination_port) = (port(word()?)?, port(word()?)?);
    let ip = |text: &str| -> Result<IpAddr, Refused> {
        let ip = match family {
            "TCP4" => text.parse().map(IpAddr::V4),
            "TCP6" => text.parse().map(IpAddr::V6),
            _ => return Err(Refused),
        };
        ip.map_err(|_| Refused)
    };
    let source = SocketAddr::new(ip(source)?, source_port);
    let _checked = SocketAddr::new(ip(destination)?, destination_port);
    if words.next().is_some() {
        return Err(Refused);
    }
    Ok(Some(source))
}

/// A decimal number without signs or leading zeros.
fn port(text: &str) -> Result<u16, Refused> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text == "0" || !text.starts_with('0');
    if digits && plain {
        text.parse().map_err(|_| Refused)
    } else {
        Err(Refused)
    }
}

/// How many bytes follow the start of a version 2 header.
fn v2_rest(start: &[u8]) -> Result<usize, Refused> {
    let (Some(high), Some(low)) = (start.get(14), start.get(15)) else {
        return Err(Refused);
    };
    let rest = usize::from(u16::from_be_bytes([*high, *low]));
    if rest > MAX_V2_BYTES {
        return Err(Refused);
    }
    Ok(rest)
}

/// A whole header of version 2.
fn parse_v2(header: &[u8]) -> Result<Option<SocketAddr>, Refused> {
    let rest = header.get(V2_START_BYTES..).ok_or(Refused)?;
    if !header.starts_with(&SIGNATURE) || v2_rest(header)? != rest.len() {
        return Err(Refused);
    }
    let (command, family) = (header[12], header[13]);
    match command {
        // The proxy's own connection; whatever else it says is to be passed over.
        0x20 => return Ok(None),
        0x21 => {}
        _ => return Err(Refused),
    }
    let (addresses, source) = match family {
        // Not known; whatever follows is to be passed over.
        0x00 => return Ok(None),
        // TCP over IPv4.
        0x11 => (12, v4_source(rest)),
        // TCP over IPv6.
        0x21 => (36, v6_source(rest)),
        // A stream over a Unix socket, whose client has no address.
        0x31 => (216, None),
        // Datagrams do not come in here, and nothing else is defined.
        _ => return Err(Refused),
    };
    check_notes(rest.get(addresses..).ok_or(Refused)?)?;
    Ok(source)
}

fn v4_source(rest: &[u8]) -> Option<SocketAddr> {
    let ip: [u8; 4] = rest.get(..4)?.try_into().ok()?;
    let port: [u8; 2] = rest.get(8..10)?.try_into().ok()?;
    Some(SocketAddr::from((Ipv4Addr::from(ip), u16::from_be_bytes(port))))
}

fn v6_source(rest: &[u8]) -> Option<SocketAddr> {
    let ip: [u8; 16] = rest.get(..16)?.try_into().ok()?;
    let port: [u8; 2] = rest.get(32..34)?.try_into().ok()?;
    Some(SocketAddr::from((Ipv6Addr::from(ip), u16::from_be_bytes(port))))
}

/// Notes have a type, a length of two bytes and a value. The last one ends where
/// the header does.
fn check_notes(mut notes: &[u8]) -> Result<(), Refused> {
    while !notes.is_empty() {
        let &[_type, high, low, ref rest @ ..] = notes else {
            return Err(Refused);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        notes = rest.get(length..).ok_or(Refused)?;
    }
    Ok(())
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod invariant;
#[cfg(test)]
mod tests;
