//! The whole stack: brought up in order, stopped in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::Error;
use super::book::Book;
use super::configs::{self, DRAIN_MS, Doors};
use super::database::Database;
use super::layout::{Layout, Lock};
use super::leash::Leash;
use super::output::Output;
use super::ports::{self, loopback};
use super::programs::Programs;
use super::stale::PidFolder;
use super::state::State;
use super::supervise::{Shared, Spec, Supervised};
use crate::{config, migrate, secrets};

/// How long a service may take from its start to being ready.
const READY_DEADLINE: Duration = Duration::from_secs(60);
/// How long a service may take to end: its own drain deadline and what lies around it.
const STOP_DEADLINE: Duration = Duration::from_millis(DRAIN_MS + 3_000);

/// Names of the balancers.
const BALANCERS: [&str; 2] = ["lb-1", "lb-2"];

/// What the stack shall be.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) layout: Layout,
    /// App servers, 1 to 16.
    pub(crate) apps: usize,
    /// Port of the balancers; 0 is any.
    pub(crate) http_port: u16,
    /// Their port for TLS; 0 is any.
    pub(crate) https_port: u16,
    /// Port of the name server; 0 is any.
    pub(crate) dns_port: u16,
    /// Build the services first when cargo runs us.
    pub(crate) build: bool,
}

/// The stack, as far as it has come up. Dropping it kills what runs.
#[derive(Debug)]
pub(crate) struct Stack {
    options: Options,
    programs: Programs,
    shared: Shared,
    // In the order of their end when dropped: services, the database, the leash, the lock.
    services: Vec<Supervised>,
    database: Option<Database>,
    _leash: Leash,
    _lock: Lock,
}

impl Stack {
    /// Takes the data folder, clears what a killed run left and checks what can be checked before anything starts.
    pub(crate) fn prepare(options: Options, output: Output) -> Result<Self, Error> {
        let programs = Programs::find(options.build, &output)?;
        let layout = &options.layout;
        layout.make()?;
        let lock = layout.lock()?;
        for left_behind in PidFolder::all(&layout.pids()).iter().flat_map(PidFolder::end_all) {
            let text = format!(
                "ended {} (process {}), left behind by an earlier run",
                left_behind.name, left_behind.pid
            );
            output.say("up", &text);
        }
        for address in [loopback, ports::second] {
            ports::tcp(address(options.http_port), "--http-port")?;
            ports::tcp(address(options.https_port), "--https-port")?;
        }
        ports::tcp(loopback(options.dns_port), "--dns-port")?;
        ports::udp(loopback(options.dns_port), "--dns-port")?;
        secrets::ensure(&layout.secrets())?;
        let pids = PidFolder::make(&layout.pids()).map_err(|source| Error::Folder {
            path: layout.pids(),
            source,
        })?;
        Ok(Self {
            programs,
            services: Vec::new(),
            database: None,
            _leash: Leash::tie(&pids)?,
            _lock: lock,
            shared: Shared {
                book: Arc::new(Book::new(layout.state())),
                pids,
                output,
            },
            options,
        })
    }

    /// Starts everything, the database first, and returns when all is ready. Safe to cancel: then [`Stack::stop`]
    /// stops what has come up.
    pub(crate) async fn bring_up(&mut self) -> Result<State, Error> {
        self.start_database().await?;
        let apps = self.start_apps().await?;
        let balancers = self.start_balancers(&apps).await?;
        let [Doors { http, https, .. }, _] = balancers;
        let layout = self.options.layout.clone();
        let dns = |listen, admin| configs::dns(&layout, listen, admin, &balancers);
        let config = dns(loopback(self.options.dns_port), loopback(0))?;
        self.start("dns", self.programs.dns.clone(), &config)?;
        let (listen, admin) = (
            self.listener("dns", "dns-udp").await?,
            self.listener("dns", "admin").await?,
        );
        self.write_config("dns", &dns(listen, admin)?)?;
        let names: Vec<_> = self.services.iter().map(|service| service.name.clone()).collect();
        for name in &names {
            self.wait(name, |now| now.ready.then_some(())).await?;
        }
        let state = State {
            pid: std::process::id(),
            http,
            https,
            ca: layout.ca(),
            dns: listen,
            site: format!("http://www.radiodeck.localhost:{}/", http.port()),
            api: format!("http://api.radiodeck.localhost:{}/", http.port()),
            data: layout.root().to_owned(),
            owner_config: layout.owner_config(),
            services: Vec::new(),
            postgres: self.database.as_ref().map(Database::states).unwrap_or_default(),
        };
        self.shared.book.publish(state.clone());
        Ok(self.shared.book.state().unwrap_or(state))
    }

    async fn start_database(&mut self) -> Result<(), Error> {
        let layout = &self.options.layout;
        let began = Instant::now();
        self.shared
            .output
            .say("postgres", &format!("starting in {}", layout.postgres().display()));
        let database = Database::start(layout, &self.shared.book, &self.shared.output).await?;
        let nodes = database.nodes();
        self.database = Some(database);
        let text = format!("{} nodes run after {:.1} s", nodes.len(), began.elapsed().as_secs_f64());
        self.shared.output.say("postgres", &text);
        configs::write(&layout.owner_config(), &configs::owner(layout, &nodes))?;
        let config = config::load(&layout.owner_config()).map_err(migrate::Error::from)?;
        for line in migrate::bring_up_to_date(&config.database, true).await? {
            self.shared.output.say("migrate", &line);
        }
        Ok(())
    }

    async fn start_apps(&mut self) -> Result<Vec<SocketAddr>, Error> {
        let nodes = self.database.as_ref().map(Database::nodes).unwrap_or_default();
        let layout = self.options.layout.clone();
        let names: Vec<_> = (1..=self.options.apps).map(|number| format!("app-{number}")).collect();
        for name in &names {
            let config = configs::app(&layout, name, loopback(0), loopback(0), &nodes);
            self.start(name, self.programs.app.clone(), &config)?;
        }
        let mut addresses = Vec::new();
        for name in &names {
            let listen = self.listener(name, "http").await?;
            let admin = self.listener(name, "admin").await?;
            self.write_config(name, &configs::app(&layout, name, listen, admin, &nodes))?;
            addresses.push(listen);
        }
        Ok(addresses)
    }

    async fn start_balancers(&mut self, apps: &[SocketAddr]) -> Result<[Doors; 2], Error> {
        let layout = self.options.layout.clone();
        let mut doors = [loopback, ports::second].map(|address| Doors {
            http: address(self.options.http_port),
            https: address(self.options.https_port),
            admin: loopback(0),
        });
        for (name, doors) in BALANCERS.iter().zip(&doors) {
            self.start(name, self.programs.lb.clone(), &configs::lb(&layout, doors, apps))?;
        }
        for (name, doors) in BALANCERS.iter().zip(&mut doors) {
            *doors = Doors {
                http: self.listener(name, "http").await?,
                https: self.listener(name, "https").await?,
                admin: self.listener(name, "admin").await?,
            };
            // A service that is started again must be where it was.
            self.write_config(name, &configs::lb(&layout, doors, apps))?;
        }
        Ok(doors)
    }

    fn start(&mut self, name: &str, program: PathBuf, config: &str) -> Result<(), Error> {
        let spec = Spec {
            name: name.to_owned(),
            program,
            config: self.write_config(name, config)?,
        };
        self.services.push(Supervised::start(spec, self.shared.clone()));
        Ok(())
    }

    fn write_config(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let file = self.options.layout.config(name);
        configs::write(&file, text)?;
        Ok(file)
    }

    async fn listener(&self, name: &str, what: &str) -> Result<SocketAddr, Error> {
        self.wait(name, |now| now.listener(what)).await
    }

    /// Waits for a service that is coming up; if it ends instead, its last words are the error.
    pub(crate) async fn wait<T>(
        &self,
        name: &str,
        wanted: impl Fn(&super::book::ServiceNow) -> Option<T>,
    ) -> Result<T, Error> {
        let outcome = self.shared.book.when(name, |now| match &now.failed {
            Some(reason) => Some(Err(reason.clone())),
            None => wanted(now).map(Ok),
        });
        match timeout(READY_DEADLINE, outcome).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(reason)) => Err(Error::Service {
                name: name.to_owned(),
                reason,
            }),
            Err(_) => Err(Error::NotReady {
                name: name.to_owned(),
                seconds: READY_DEADLINE.as_secs(),
            }),
        }
    }

    /// The services' process ids, for who cannot wait for [`Stack::stop`].
    pub(crate) fn pids(&self) -> PidFolder {
        self.shared.pids.clone()
    }

    /// What is known of the running stack.
    pub(crate) fn book(&self) -> &Book {
        &self.shared.book
    }

    /// The database, once it has come up.
    pub(crate) fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// Stops everything in the order in which requests flow: the balancers drain while there are app servers, these
    /// while there is a database. Each has a deadline.
    pub(crate) async fn stop(mut self) {
        self.shared.book.close();
        let mut take = |wanted: &dyn Fn(&str) -> bool| {
            let (taken, left) = std::mem::take(&mut self.services)
                .into_iter()
                .partition(|s| wanted(&s.name));
            self.services = left;
            taken
        };
        let (lb, apps): (Vec<_>, Vec<_>) = (
            take(&|name| BALANCERS.contains(&name)),
            take(&|name| name.starts_with("app-")),
        );
        for (what, group) in [("lb", lb), ("app", apps), ("dns", take(&|_| true))] {
            let stopping: Vec<_> = group
                .into_iter()
                .map(|service| tokio::spawn(service.stop(STOP_DEADLINE)))
                .collect();
            for stopped in stopping {
                let _ = stopped.await;
            }
            tracing::debug!(what, "stopped");
        }
        if let Some(database) = self.database.take() {
            self.shared.output.say("postgres", "stopping");
            database.stop().await;
        }
        self.shared.pids.remove();
    }
}
