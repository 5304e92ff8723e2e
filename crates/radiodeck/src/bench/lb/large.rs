//! A body of 1 GB in each direction: it must flow through, not pile up.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::client::conn::http1::handshake;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::config::Setup;
use super::cores::Place;
use super::ground::Ground;
use super::origin::{Filler, RECEIVED};
use super::proxy::Proxy;
use crate::measure::Error;
use crate::measure::output::Progress;
use crate::measure::report::{Figure, Report};

const BYTES: u64 = 1 << 30;
const DEADLINE: Duration = Duration::from_secs(60);
/// Growth that is still flat.
const GROWTH_MB: f64 = 4.0;

pub(super) async fn measure(ground: &Ground, report: &mut Report, progress: &Progress) -> Result<(), Error> {
    let setup = Setup {
        workers: 1,
        servers: &ground.origin.addresses[..1],
        certificate: None,
        per_address: 0,
    };
    for (name, method) in [
        ("1 GB to the client", Method::GET),
        ("1 GB to the server", Method::POST),
    ] {
        progress.step(name, 0);
        let proxy = Proxy::start(ground, &ground.programs[0], &setup, Place::OneCore).await?;
        let before = proxy.memory()?;
        let sent = timeout(DEADLINE, send(&proxy, method)).await;
        let sent = sent.unwrap_or_else(|_| Err("not through in time".into()));
        let arrived = sent.map_err(|why| Error::CannotRun(format!("{name}: {why}")))?;
        if arrived != BYTES {
            return Err(Error::CannotRun(format!("{name}: {arrived} bytes arrived")));
        }
        let growth = proxy.peak_memory()?.saturating_sub(before) as f64 / 1e6;
        report.figure(Figure::at_most(
            format!("{name}: growth of memory"),
            growth,
            "MB",
            GROWTH_MB,
        ));
        proxy.stop().await;
    }
    Ok(())
}

/// Gives how many bytes arrived at the other end.
async fn send(proxy: &Proxy, method: Method) -> Result<u64, Box<dyn std::error::Error>> {
    let (mut sender, driver) = handshake(TokioIo::new(TcpStream::connect(proxy.at.http).await?)).await?;
    let driver = tokio::spawn(driver);
    let (path, body) = match method {
        Method::POST => ("/0".to_owned(), BYTES),
        _ => (format!("/{BYTES}"), 0),
    };
    let request = Request::builder().method(method).uri(path).header("host", "bench");
    let mut answer = sender.send_request(request.body(Filler(body))?).await?;
    let received = answer
        .headers()
        .get(RECEIVED)
        .map(|count| count.to_str().unwrap_or_default().parse());
    let mut arrived = 0;
    while let Some(frame) = answer.body_mut().frame().await {
        arrived += frame?.data_ref().map_or(0, Bytes::len) as u64;
    }
    driver.abort();
    Ok(received.unwrap_or(Ok(arrived))?)
}
