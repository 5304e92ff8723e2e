//! The app server as a service: what it binds, what it waits for, what it tells.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::service::{ConfigError, Context, RunError, Service, Shutdown, StartError, bind_tcp, listening};
use catalog::{Database, NodeStatus};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::clicks::Writer;
use crate::config::{AppConfig, Limits};
use crate::front::Front;
use crate::metrics::Metrics;
use crate::state::AppState;
use crate::visitor::SigningKey;
use crate::{housekeeping, instance, server};

/// The app server, bound and not yet serving.
pub struct App {
    listener: TcpListener,
    state: Arc<AppState>,
    metrics: Metrics,
    limits: Limits,
    drain_notice: Duration,
}

impl App {
    /// Where it listens; tests bind port 0.
    ///
    /// # Errors
    /// What the system said.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Service for App {
    const NAME: &'static str = "radiodeck-app";
    const ENV_PREFIX: &'static str = "RADIODECK_APP";
    const ABOUT: &'static str = "\
The app server of Radiodeck: the site (HTML) and the API (JSON and XML) over one catalogue of radio stations.

A request whose host begins with `api.` is for the API, any other is for the site. The server holds no state that a \
client could miss, so run as many as you like behind a balancer; `/healthz` tells the balancer whether to send requests.

To run one alone it needs a configuration of a few lines (config/app.toml explains every key):

    signing_key_file = \"signing_key\"        # 64 hex digits: `radiodeck secrets DIR` writes one
    [database]
    user = \"radiodeck_app\"
    password_file = \"app_password\"
    nodes = [{ name = \"pg-1\", host = \"127.0.0.1\" }]

Then browse http://localhost:8000/ and `curl http://api.localhost:8000/json/stats`. It starts without a database, \
is ready once a node was seen, and outlives outages: reads move to another node, and what cannot be answered is 503.";
    type Config = AppConfig;

    async fn build(config: AppConfig, context: &mut Context) -> Result<Self, StartError> {
        let key = SigningKey::read(&config.signing_key_file)?;
        let listener = bind_tcp(config.listen, false, "listen")?;
        let database = Database::open(&config.database).map_err(|message| ConfigError::value("database", message))?;
        let instance = instance::name(config.instance.as_deref());
        let state = Arc::new(AppState::new(&config, database.clone(), key, instance.clone()));

        // Reads that had to go elsewhere are counted there: database_*.
        database.register_metrics(&mut context.metrics);
        let latch = context.readiness.latch("database");
        let waiting = state.clone();
        tokio::spawn(async move {
            waiting.database.seen().await;
            waiting.saw_database();
            drop(latch);
        });
        context.status("instance", move || json!(instance));
        let clicks = state.clicks.clone();
        context.status("clicks_waiting", move || json!(clicks.waiting()));
        context.status("database", move || database.nodes().iter().map(node_json).collect());
        Ok(Self {
            listener,
            state,
            metrics: Metrics::register(&mut context.metrics),
            limits: config.limits,
            drain_notice: Duration::from_millis(config.drain_notice_ms),
        })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), RunError> {
        if let Ok(addr) = self.listener.local_addr() {
            listening("http", addr);
        }
        let database = self.state.database.clone();
        tokio::spawn(housekeeping::run(database.clone(), shutdown.clone()));
        let clicks = Writer::start(self.state.clicks.clone());
        let front = Arc::new(Front::new(self.state, self.metrics, shutdown.clone()));
        server::serve(self.listener, front, &self.limits, self.drain_notice, &shutdown).await;
        clicks.end().await;
        database.close().await;
        Ok(())
    }
}

/// As Postgres writes a log sequence number.
fn lsn(bytes: i64) -> String {
    format!("{:X}/{:X}", bytes >> 32, bytes & 0xffff_ffff)
}

fn node_json(node: &NodeStatus) -> Value {
    json!({
        "name": node.name,
        "role": node.role.as_str(),
        // As a text: JavaScript's numbers do not hold it.
        "system": node.system.map(|system| system.to_string()),
        "timeline": node.timeline,
        "lsn": node.lsn.map(lsn),
        "started": node.started.map(|started| started.to_rfc3339()),
        "lag_ms": node.lag_ms,
        "reason": node.reason,
    })
}
