//! What a service gets while it is built: a place for its metrics, its
//! readiness latches and what `/status` shall tell.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::Readiness;

/// Where metrics are registered; see the crate `prometheus-client`.
pub use prometheus_client::registry::Registry;

type Section = Box<dyn Fn() -> Value + Send + Sync>;

/// Handed to [`crate::Service::build`].
pub struct Context {
    name: &'static str,
    started: Instant,
    /// Metrics of this service, shown at `/metrics` with the prefix `radiodeck`.
    pub metrics: Registry,
    /// Latches that hold `/ready` back.
    pub readiness: Readiness,
    sections: Vec<(&'static str, Section)>,
}

impl Context {
    /// An empty context; tests make their own.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            started: Instant::now(),
            metrics: Registry::with_prefix("radiodeck"),
            readiness: Readiness::default(),
            sections: Vec::new(),
        }
    }

    /// Adds a section to `/status`. The closure runs at each request and must
    /// neither block nor wait.
    pub fn status(&mut self, section: &'static str, read: impl Fn() -> Value + Send + Sync + 'static) {
        self.sections.push((section, Box::new(read)));
    }

    pub(crate) fn freeze(self) -> Arc<Self> {
        self.readiness.seal();
        Arc::new(self)
    }

    pub(crate) fn status_json(&self) -> Value {
        let readiness = self.readiness.check();
        let mut object = Map::new();
        object.insert("name".into(), json!(self.name));
        object.insert("version".into(), json!(env!("CARGO_PKG_VERSION")));
        object.insert("ready".into(), json!(readiness.is_ok()));
        object.insert("not_ready_because".into(), json!(readiness.err()));
        object.insert("uptime_ms".into(), json!(self.started.elapsed().as_millis() as u64));
        for (name, read) in &self.sections {
            object.insert((*name).into(), read());
        }
        Value::Object(object)
    }
}
