//! What a service gets while it is built: a place for its metrics, its
//! readiness latches and what `/status` shall tell.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::action::{ActionPath, Handler, Refused};
use crate::reload::{self, Reload};
use crate::{Config, ConfigError, ConfigSource, Readiness, Sockets, StartError, handover};

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
    /// Where listeners are bound that a successor may get.
    pub sockets: Sockets,
    sections: Vec<(&'static str, Section)>,
    source: ConfigSource,
    reload: Option<Reload>,
    pub(crate) actions: Vec<(&'static str, Handler)>,
}

impl Context {
    /// An empty context; tests make their own.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self::with_source(name, ConfigSource::default())
    }

    /// The context of a service whose configuration came from `source`.
    #[must_use]
    pub fn with_source(name: &'static str, source: ConfigSource) -> Self {
        Self {
            name,
            started: Instant::now(),
            metrics: Registry::with_prefix("radiodeck"),
            readiness: Readiness::default(),
            sockets: Sockets::default(),
            sections: Vec::new(),
            source,
            reload: None,
            actions: Vec::new(),
        }
    }

    /// Adds a section to `/status`. The closure runs at each request and must
    /// neither block nor wait.
    pub fn status(&mut self, section: &'static str, read: impl Fn() -> Value + Send + Sync + 'static) {
        self.sections.push((section, Box::new(read)));
    }

    /// Makes the service reloadable, by SIGHUP and by `POST /reload` on the admin
    /// listener. `apply` gets a configuration that was read anew and has passed
    /// its check; it takes all of it and says in a few words what changed, or
    /// refuses it, naming the key, and changes nothing. It may block for a moment.
    ///
    /// # Errors
    /// The system does not let the process listen for SIGHUP.
    pub fn on_reload<C, F>(&mut self, apply: F) -> Result<(), StartError>
    where
        C: Config,
        F: FnMut(C) -> Result<String, ConfigError> + Send + 'static,
    {
        let reload = Reload::new(self.source.clone(), apply);
        tokio::spawn(reload.clone().on(reload::hangup()?));
        self.reload = Some(reload);
        Ok(())
    }

    /// Reloads, as SIGHUP does, and answers what changed; `None` if the service
    /// is not reloadable.
    ///
    /// # Errors
    /// Why everything stays as it was, for the operator.
    pub async fn reload(&self) -> Option<Result<String, String>> {
        let reload = self.reload.as_ref()?;
        Some(reload.run_aside().await)
    }

    /// Adds `POST path` to the admin listener, answered with 200 and what `act`
    /// returns, or with the reason it refuses for. `path` may name parts of itself,
    /// as in `/things/{name}/forget`. The closure must neither block nor wait.
    pub fn action(
        &mut self,
        path: &'static str,
        act: impl Fn(&ActionPath) -> Result<Value, Refused> + Send + Sync + 'static,
    ) {
        self.actions.push((path, Box::new(act)));
    }

    /// Nothing is added any more; readiness begins to be told.
    #[must_use]
    pub fn freeze(self) -> Arc<Self> {
        self.readiness.seal();
        Arc::new(self)
    }

    pub(crate) fn status_json(&self) -> Value {
        let readiness = self.readiness.check();
        let mut object = Map::new();
        object.insert("name".into(), json!(self.name));
        object.insert("version".into(), json!(env!("CARGO_PKG_VERSION")));
        object.insert("pid".into(), json!(std::process::id()));
        object.insert("handovers".into(), json!(handover::handovers()));
        object.insert("ready".into(), json!(readiness.is_ok()));
        object.insert("not_ready_because".into(), json!(readiness.err()));
        object.insert("uptime_ms".into(), json!(self.started.elapsed().as_millis() as u64));
        for (name, read) in &self.sections {
            object.insert((*name).into(), read());
        }
        Value::Object(object)
    }
}
