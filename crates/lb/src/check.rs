//! Active checks: one task a server asks its health path, each time on a new
//! connection, because whether it accepts is part of the question.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::config::CheckConfig;
use crate::pool::Pool;
use crate::pool::server::{Outcome, Server};

/// Shortest time between two checks, however many ask for one.
const MIN_PAUSE: Duration = Duration::from_millis(20);

/// Checks `server` until its pool has forgotten it or is itself out of the plan. A server that leaves is
/// checked on: requests that it owes an answer to need to know if it died.
pub(crate) async fn run(pool: Arc<Pool>, server: Arc<Server>) {
    let config = &pool.config.check;
    let keep_asking = async {
        while !server.is_gone() {
            let began = Instant::now();
            let outcome = check(config, server.address).await;
            server.check_us.store(began.elapsed().as_micros() as u64, Relaxed);
            pool.checked(&server, outcome);
            let pause = pause(config, server.is_wavering());
            sleep(MIN_PAUSE.min(pause)).await;
            tokio::select! {
                () = sleep(pause.saturating_sub(MIN_PAUSE)) => {}
                () = server.recheck.notified() => {}
            }
        }
    };
    tokio::select! {
        () = keep_asking => {}
        () = pool.closed() => {}
    }
}

/// The interval, spread by a tenth so that checks of many balancers do not fall
/// on one moment; a quarter of it while the verdict is in doubt.
fn pause(config: &CheckConfig, wavering: bool) -> Duration {
    let base = if wavering {
        config.interval_ms / 4
    } else {
        config.interval_ms
    };
    Duration::from_millis(base).mul_f64(rand::random_range(0.9..1.1))
}

async fn check(config: &CheckConfig, address: SocketAddr) -> Outcome {
    match timeout(Duration::from_millis(config.timeout_ms), ask(&config.path, address)).await {
        Ok(Ok(status)) if (200..300).contains(&status) => Outcome::Passed,
        Ok(Ok(status)) => Outcome::Refused(status),
        Ok(Err(error)) => Outcome::Unreachable(error.to_string()),
        Err(_) => Outcome::Unreachable(format!("no answer within {} ms", config.timeout_ms)),
    }
}

/// The status of `GET path`. Nothing but the status line is read.
async fn ask(path: &str, address: SocketAddr) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: radiodeck-lb-check\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    // `HTTP/1.1 200` is all that is needed.
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    parse_status(&start).ok_or_else(|| std::io::Error::other("the health path did not answer in HTTP"))
}

fn parse_status(start: &[u8; 12]) -> Option<u16> {
    let digits = start.strip_prefix(b"HTTP/1.1 ").or(start.strip_prefix(b"HTTP/1.0 "))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_is_an_answer() {
        assert_eq!(parse_status(b"HTTP/1.1 503"), Some(503));
        assert_eq!(parse_status(b"HTTP/1.0 200"), Some(200));
        assert_eq!(parse_status(b"SSH-2.0-Open"), None);
        assert_eq!(parse_status(b"HTTP/1.1 2x0"), None);
    }

    #[test]
    fn a_server_in_doubt_is_checked_four_times_as_often() {
        let config = CheckConfig::default();
        for _ in 0..100 {
            assert!((900..=1100).contains(&pause(&config, false).as_millis()));
            assert!((225..=275).contains(&pause(&config, true).as_millis()));
        }
    }
}
