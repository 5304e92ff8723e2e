//! A balancer in this process, small servers behind it and a plain client in
//! front, all over real sockets on ports that the system picks.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test file is a crate that uses its own part of this"
)]

pub mod app;
pub mod bare;
pub mod client;
pub mod frames;
pub mod http2;
pub mod process;
pub mod tls;
pub mod websocket;

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lb::{Config, LoadBalancer};
use service::{Config as _, ConfigSource, Context, Service, Shutdown};
use tokio::task::JoinHandle;

pub use app::{App, Reply};
pub use bare::Bare;
pub use client::{Answer, Client, get, request};
pub use frames::{Frame, Raw};

/// Long enough for anything that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running balancer.
pub struct Balancer {
    pub address: SocketAddr,
    pub tls_address: Option<SocketAddr>,
    pub context: Arc<Context>,
    /// Where its admin listener answers.
    pub admin: SocketAddr,
    pub shutdown: Shutdown,
    pub running: JoinHandle<()>,
}

impl Balancer {
    /// Starts one with this configuration; `listen` and the number of workers
    /// are filled in.
    pub async fn start(toml: &str) -> Self {
        let mut config: Config = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\nin\n{toml}"));
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        if config.workers == 0 {
            config.workers = 2;
        }
        config.check().unwrap_or_else(|error| panic!("{error}\nin\n{toml}"));
        Self::run(config, Context::new("radiodeck-lb")).await
    }

    /// Starts one with the configuration in a file, which it reads again when it
    /// reloads.
    pub async fn from_file(path: &Path) -> Self {
        let source = ConfigSource {
            path: Some(path.to_owned()),
            prefix: "",
        };
        let config = source.read_checked().unwrap_or_else(|error| panic!("{error}"));
        Self::run(config, Context::with_source("radiodeck-lb", source)).await
    }

    async fn run(config: Config, mut context: Context) -> Self {
        let shutdown = Shutdown::new(Duration::from_millis(config.service.drain_deadline_ms));
        let balancer = LoadBalancer::build(config, &mut context).await.expect("built");
        let (address, tls_address) = (balancer.address(), balancer.tls_address());
        let context = context.freeze();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let admin = listener.local_addr().expect("an address");
        tokio::spawn(service::serve_admin(listener, context.clone()));
        let running = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { balancer.run(shutdown).await.expect("ran") }
        });
        Self {
            address,
            tls_address,
            context,
            admin,
            shutdown,
            running,
        }
    }

    /// Starts one in front of `apps` with one route for every host, and waits
    /// until all of them are in rotation. `pool` and `top` are more TOML for
    /// the pool and for the whole.
    pub async fn in_front_of(apps: &[&App], pool: &str, top: &str) -> Self {
        let addresses: Vec<_> = apps.iter().map(|app| app.address).collect();
        Self::in_front_of_addresses(&addresses, pool, top).await
    }

    /// The same in front of whatever listens there.
    pub async fn in_front_of_addresses(addresses: &[SocketAddr], pool: &str, top: &str) -> Self {
        let count = addresses.len();
        let addresses: Vec<_> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
        let balancer = Self::start(&format!(
            "{top}\n[[routes]]\nhost = \"*\"\npool = \"app\"\n[[pools]]\nname = \"app\"\nservers = [{}]\n{}\n{pool}\n",
            addresses.join(", "),
            if pool.contains("check.") {
                ""
            } else {
                "check.interval_ms = 50\ncheck.timeout_ms = 300"
            },
        ))
        .await;
        balancer.wait_for_healthy(count).await;
        balancer
    }

    pub async fn wait_for_healthy(&self, count: usize) {
        eventually(&format!("{count} healthy servers"), async || {
            let metrics = self.metrics();
            let healthy = metrics
                .lines()
                .filter(|line| line.starts_with("radiodeck_lb_server_healthy{") && line.ends_with(" 1"));
            if healthy.count() == count { Ok(()) } else { Err(metrics) }
        })
        .await;
    }

    /// Tells it something by its admin listener.
    pub async fn post(&self, path: &str) -> Answer {
        let bytes = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        request(self.admin, bytes).await
    }

    /// Asks its admin listener for `/status`.
    pub async fn status(&self) -> serde_json::Value {
        let answer = get(self.admin, "a", "/status").await;
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// What Prometheus would read.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.context.metrics).expect("encoded");
        text
    }

    /// The sum of all series of one metric.
    pub fn metric(&self, name: &str) -> u64 {
        let metrics = self.metrics();
        let values = metrics.lines().filter_map(|line| {
            let rest = line.strip_prefix("radiodeck_")?.strip_prefix(name)?;
            let value = if rest.starts_with('{') {
                rest.rsplit(' ').next()?
            } else {
                rest.strip_prefix(' ')?
            };
            Some(value.parse::<u64>().unwrap_or_else(|_| panic!("{line}")))
        });
        values.sum()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

/// Polls until `check` is content; panics with its last complaint.
pub async fn eventually<F>(what: &str, check: impl Fn() -> F)
where
    F: Future<Output = Result<(), String>>,
{
    let began = Instant::now();
    loop {
        match check().await {
            Ok(()) => return,
            Err(complaint) if began.elapsed() > PATIENCE => panic!("never: {what}; the last time:\n{complaint}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
