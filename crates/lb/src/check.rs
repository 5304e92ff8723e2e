//! Active checks: one task a server asks its health path, each time on a new
//! connection, because whether it accepts is part of the question.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::config::{CheckConfig, Protocol};
use crate::pool::Pool;
use crate::pool::outcome::Outcome;
use crate::pool::server::Server;

/// Shortest time between two checks, however many ask for one.
const MIN_PAUSE: Duration = Duration::from_millis(20);

/// As much of an answer's body is looked at.
const MAX_BODY: usize = 64 * 1024;

/// Checks `server` until its pool has forgotten it or is itself out of the plan. A server that leaves is
/// checked on: requests that it owes an answer to need to know if it died.
pub(crate) async fn run(pool: Arc<Pool>, server: Arc<Server>) {
    let config = &pool.config.check;
    let keep_asking = async {
        while !server.is_gone() {
            let began = Instant::now();
            let outcome = check(config, pool.config.protocol, server.address).await;
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

async fn check(config: &CheckConfig, protocol: Protocol, address: SocketAddr) -> Outcome {
    match timeout(Duration::from_millis(config.timeout_ms), ask(config, protocol, address)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(reason)) => Outcome::Unreachable(reason),
        Err(_) => Outcome::Unreachable(format!("no answer within {} ms", config.timeout_ms)),
    }
}

/// What the server makes of `GET path`.
async fn ask(config: &CheckConfig, protocol: Protocol, address: SocketAddr) -> Result<Outcome, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let host = match config.host.as_str() {
        "" => address.to_string(),
        host => host.to_owned(),
    };
    let request = Request::get(config.path.as_str()).header(USER_AGENT, "radiodeck-lb-check");
    let io = TokioIo::new(stream);
    match protocol {
        Protocol::Http1 => {
            let request = request.header(HOST, host).header(CONNECTION, "close");
            let request = request.body(String::new()).map_err(|error| error.to_string())?;
            let (mut sender, connection) = http1::handshake(io).await.map_err(reason)?;
            judge(config, sender.send_request(request), connection).await
        }
        Protocol::H2 => {
            let request = request.uri(format!("http://{host}{}", config.path));
            let request = request.body(String::new()).map_err(|error| error.to_string())?;
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.map_err(reason)?;
            judge(config, sender.send_request(request), connection).await
        }
    }
}

/// What the answer says, while the connection is driven that it comes on.
async fn judge(
    config: &CheckConfig,
    answer: impl Future<Output = hyper::Result<Response<Incoming>>>,
    connection: impl Future<Output = hyper::Result<()>>,
) -> Result<Outcome, String> {
    let mut asking = pin!(async {
        let response = answer.await.map_err(reason)?;
        let status = response.status().as_u16();
        if !config.status.iter().any(|range| range.contains(status)) {
            return Ok(Outcome::Refused(status));
        }
        if config.body.is_empty() || contains(response.into_body(), &config.body).await? {
            return Ok(Outcome::Passed);
        }
        Ok(Outcome::OtherBody)
    });
    tokio::select! {
        biased;
        outcome = &mut asking => outcome,
        // Why it ended is told to whoever waits for the answer.
        _ended = connection => asking.await,
    }
}

/// Whether `wanted` is within the first [`MAX_BODY`] bytes.
async fn contains(mut body: Incoming, wanted: &str) -> Result<bool, String> {
    let mut read = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.map_err(reason)?.into_data() {
            let room = MAX_BODY - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
        }
        if read.len() == MAX_BODY {
            break;
        }
    }
    Ok(memchr::memmem::find(&read, wanted.as_bytes()).is_some())
}

/// The cause, not only that there was one.
fn reason(error: hyper::Error) -> String {
    match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_in_doubt_is_checked_four_times_as_often() {
        let config = CheckConfig::default();
        for _ in 0..100 {
            assert!((900..=1100).contains(&pause(&config, false).as_millis()));
            assert!((225..=275).contains(&pause(&config, true).as_millis()));
        }
    }
}
