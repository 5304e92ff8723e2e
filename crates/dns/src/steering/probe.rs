//! Asking an address how it is: a new TCP connection and a GET of its health path, since whether it
//! accepts is part of the question. The only HTTP that this server speaks.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use service::Registry;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::target::Target;
use crate::config::SteeringConfig;

/// How targets are probed.
#[derive(Debug)]
pub(super) struct Prober {
    path: String,
    host: Option<String>,
    interval: Duration,
    timeout: Duration,
}

impl Prober {
    pub(super) fn new(config: &SteeringConfig) -> Self {
        Self {
            path: config.path.clone(),
            host: config.host.clone(),
            interval: Duration::from_millis(config.interval_ms),
            timeout: Duration::from_millis(config.timeout_ms),
        }
    }

    /// Waits until the target's next probe: the interval, spread by a tenth so that probes of many
    /// name servers do not fall on one moment; a quarter of it while the verdict is in doubt.
    pub(super) async fn pause(&self, target: &Target) {
        let base = match target.is_wavering() {
            true => self.interval / 4,
            false => self.interval,
        };
        sleep(base.mul_f64(rand::random_range(0.9..1.1))).await;
    }

    /// Whether the machine answers 200 in time, or why it is taken not to.
    pub(super) async fn ask(&self, address: SocketAddr) -> Result<(), String> {
        match timeout(self.timeout, self.get(address)).await {
            Ok(Ok(StatusCode::OK)) => Ok(()),
            Ok(Ok(status)) => Err(format!("{} is answered with {status}", self.path)),
            Ok(Err(reason)) => Err(reason),
            Err(_) => Err(format!("no answer within {} ms", self.timeout.as_millis())),
        }
    }

    async fn get(&self, address: SocketAddr) -> Result<StatusCode, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let host = self.host.clone().unwrap_or_else(|| address.to_string());
        let request = Request::get(self.path.as_str())
            .header(HOST, host)
            .header(USER_AGENT, "radiodeck-dns-probe")
            .header(CONNECTION, "close")
            .body(String::new())
            .map_err(|error| error.to_string())?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(reason)?;
        let mut asking = std::pin::pin!(sender.send_request(request));
        let answer = tokio::select! {
            biased;
            answer = &mut asking => answer,
            // Why it ended is told to whoever waits for the answer.
            _ended = connection => asking.await,
        };
        answer.map(|answer| answer.status()).map_err(reason)
    }
}

/// The cause, not only that there was one.
fn reason(error: hyper::Error) -> String {
    match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Address {
    address: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Probe {
    address: String,
    result: &'static str,
}

/// What probes count. The addresses are those of the configuration: their number is bounded.
#[derive(Debug)]
pub(super) struct Metrics {
    probes: Family<Probe, Counter>,
    alive: Family<Address, Gauge>,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("dns_steering");
        let metrics = Self {
            probes: Family::default(),
            alive: Family::default(),
        };
        registry.register("probes", "Probes, by address and result", metrics.probes.clone());
        registry.register(
            "address_alive",
            "1 when the address counts as alive, by the operator's word or its probe",
            metrics.alive.clone(),
        );
        metrics
    }

    pub(super) fn probed(&self, address: IpAddr, passed: bool) {
        let result = if passed { "passed" } else { "failed" };
        let address = address.to_string();
        self.probes.get_or_create(&Probe { address, result }).inc();
    }

    pub(super) fn alive(&self, address: IpAddr, alive: bool) {
        let address = address.to_string();
        self.alive.get_or_create(&Address { address }).set(alive.into());
    }
}
