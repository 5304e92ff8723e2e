//! Memory that a kept connection takes while nothing happens on it.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::config::Setup;
use super::contest::{Bound, Entry, record};
use super::cores::Place;
use super::ground::{Ground, raise_open_files};
use super::peers::Kind;
use super::proxy::Proxy;
use crate::measure::Error;
use crate::measure::output::Progress;
use crate::measure::report::Report;

const CONNECTIONS: u64 = 10_000;
/// Open files beside them, of this process or of a proxy.
const OTHER_FILES: u64 = 1_000;
/// Being opened at once.
const AT_ONCE: usize = 32;
/// For memory to be given back that only the requests took.
const REST: Duration = Duration::from_secs(2);
const DEADLINE: Duration = Duration::from_secs(10);
const REQUEST: &[u8] = b"GET /3 HTTP/1.1\r\nHost: bench\r\n\r\n";
const END_OF_ANSWER: &[u8] = b"\r\n\r\nxxx";
const NAME: &str = "10,000 idle connections: memory each";

pub(super) async fn measure(ground: &Ground, report: &mut Report, progress: &Progress) -> Result<(), Error> {
    let allowed = raise_open_files();
    if allowed < CONNECTIONS + OTHER_FILES {
        report.unproven(format!("{NAME}: this process may have {allowed} files open"));
        return Ok(());
    }
    let setup = Setup {
        workers: 1,
        servers: &ground.origin.addresses[..1],
        certificate: None,
        per_address: 0,
    };
    let mut entries = Vec::new();
    for program in &ground.programs {
        progress.step(&format!("idle connections: {}", program.label), 0);
        // Each begins anew: what an earlier load took would hide what these take.
        let proxy = Proxy::start(ground, program, &setup, Place::OneCore).await?;
        let before = proxy.memory()?;
        let connections = stream::iter(0..CONNECTIONS)
            .map(|_| open(proxy.at.http))
            .buffer_unordered(AT_ONCE);
        let connections: Vec<_> = connections.try_collect().await.map_err(|why| failed(&proxy, &why))?;
        sleep(REST).await;
        let after = proxy.memory()?;
        let closed = connections.iter().filter(|connection| is_closed(connection)).count();
        if closed > 0 {
            return Err(failed(&proxy, &format!("it closed {closed} of them")));
        }
        entries.push(Entry {
            kind: program.kind,
            label: program.label.clone(),
            samples: [after.saturating_sub(before) as f64 / CONNECTIONS as f64 / 1e3]
                .into_iter()
                .collect(),
        });
        drop(connections);
        proxy.stop().await;
    }
    record(
        report,
        NAME,
        "kB",
        &entries,
        Some((Bound::AtMost(1.0), &[Kind::Haproxy])),
    );
    Ok(())
}

fn failed(proxy: &Proxy, why: &str) -> Error {
    Error::CannotRun(format!("{NAME}: {}: {why}", proxy.label))
}

/// A connection with one request behind it.
async fn open(proxy: SocketAddr) -> Result<TcpStream, String> {
    let exchange = async {
        let mut connection = TcpStream::connect(proxy).await?;
        connection.write_all(REQUEST).await?;
        let mut answer = Vec::with_capacity(512);
        while !answer.ends_with(END_OF_ANSWER) {
            if connection.read_buf(&mut answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(connection)
    };
    match timeout(DEADLINE, exchange).await {
        Ok(outcome) => outcome.map_err(|error: std::io::Error| error.to_string()),
        Err(_) => Err("no answer in time".into()),
    }
}

fn is_closed(connection: &TcpStream) -> bool {
    let nothing_yet = |error: std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
    !connection.try_read(&mut [0]).is_err_and(nothing_yet)
}
