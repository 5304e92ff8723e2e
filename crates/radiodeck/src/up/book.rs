//! What is known of the running stack, kept in one place: supervisors write it,
//! whoever waits for something watches it, and run/state.json shows it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::state::{ServiceState, State};

/// The truth about a service while it is supervised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceNow {
    pub(crate) name: String,
    pub(crate) pid: Option<u32>,
    /// What its `listening` lines said, such as `http`.
    pub(crate) listening: Vec<(String, SocketAddr)>,
    /// Whether the running process has said `ready`.
    pub(crate) ready: bool,
    pub(crate) starts: u32,
    /// Why it never came up; it is not tried again then.
    pub(crate) failed: Option<String>,
}

impl ServiceNow {
    /// Address of the listener `what`.
    pub(crate) fn listener(&self, what: &str) -> Option<SocketAddr> {
        self.listening
            .iter()
            .find(|(name, _)| name == what)
            .map(|(_, addr)| *addr)
    }

    fn for_file(&self) -> ServiceState {
        let main = self
            .listening
            .iter()
            .find(|(what, _)| what != "admin" && what != "https");
        ServiceState {
            name: self.name.clone(),
            pid: self.pid,
            listen: main.map(|(_, addr)| *addr),
            https: self.listener("https"),
            admin: self.listener("admin"),
            starts: self.starts,
        }
    }
}

/// The book. The file is written only once the stack is up, and then at each change.
#[derive(Debug)]
pub(crate) struct Book {
    services: watch::Sender<Vec<ServiceNow>>,
    file: PathBuf,
    up: watch::Sender<Option<State>>,
    closed: AtomicBool,
}

impl Book {
    pub(crate) fn new(file: PathBuf) -> Self {
        // One left by a killed run would tell of what is no more.
        let _ = std::fs::remove_file(&file);
        Self {
            services: watch::Sender::new(Vec::new()),
            file,
            up: watch::Sender::new(None),
            closed: AtomicBool::new(false),
        }
    }

    /// Changes what is known of `name`.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut ServiceNow)) {
        self.services.send_modify(|services| {
            if let Some(service) = services.iter_mut().find(|service| service.name == name) {
                change(service);
            } else {
                let mut service = ServiceNow {
                    name: name.to_owned(),
                    ..ServiceNow::default()
                };
                change(&mut service);
                services.push(service);
            }
        });
        self.write();
    }

    /// What is known of `name`.
    pub(crate) fn now(&self, name: &str) -> Option<ServiceNow> {
        self.services
            .borrow()
            .iter()
            .find(|service| service.name == name)
            .cloned()
    }

    /// Waits until `name` is as `wanted` says.
    pub(crate) async fn when<T>(&self, name: &str, wanted: impl Fn(&ServiceNow) -> Option<T>) -> T {
        let mut watching = self.services.subscribe();
        loop {
            let found = watching
                .borrow_and_update()
                .iter()
                .find(|s| s.name == name)
                .and_then(&wanted);
            match found {
                Some(found) => return found,
                // The sender is ours: it is there as long as we are.
                None => {
                    let _ = watching.changed().await;
                }
            }
        }
    }

    /// The stack is up: `state` is shown from now on, with the services as they are.
    pub(crate) fn publish(&self, state: State) {
        self.up.send_replace(Some(state));
        self.write();
    }

    /// Changes what does not concern a service.
    pub(crate) fn amend(&self, change: impl FnOnce(&mut State)) {
        self.up.send_modify(|state| {
            if let Some(state) = state {
                change(state);
            }
        });
        self.write();
    }

    /// The state as shown, once it is up.
    pub(crate) fn state(&self) -> Option<State> {
        let mut state = self.up.borrow().clone()?;
        state.services = self.services.borrow().iter().map(ServiceNow::for_file).collect();
        Some(state)
    }

    /// The stack goes: the file with it.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let _ = std::fs::remove_file(&self.file);
    }

    fn write(&self) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        if let Some(state) = self.state()
            && let Err(error) = state.write(&self.file)
        {
            tracing::warn!(%error, file = %self.file.display(), "cannot write");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            pid: 1,
            http: "127.0.0.1:8080".parse().expect("an address"),
            https: "127.0.0.1:8443".parse().expect("an address"),
            ca: "/data/tls/ca.pem".into(),
            dns: "127.0.0.1:5300".parse().expect("an address"),
            site: "http://www.radiodeck.localhost:8080/".into(),
            api: "http://api.radiodeck.localhost:8080/".into(),
            data: "/data".into(),
            owner_config: "/data/run/owner.toml".into(),
            services: Vec::new(),
            postgres: Vec::new(),
        }
    }

    #[test]
    fn the_file_is_there_while_the_stack_is_up_and_follows_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("state.json");
        let book = Book::new(file.clone());
        let read = || serde_json::from_str::<State>(&std::fs::read_to_string(&file).expect("there")).expect("json");
        book.change("app-1", |app| app.pid = Some(7));
        assert!(!file.exists());
        book.publish(state());
        assert_eq!(read().services[0].pid, Some(7));
        book.change("app-1", |app| {
            app.pid = Some(8);
            app.listening
                .push(("admin".into(), "127.0.0.1:2".parse().expect("an address")));
            app.listening
                .push(("http".into(), "127.0.0.1:1".parse().expect("an address")));
        });
        let app = &read().services[0];
        assert_eq!((app.pid, app.listen.map(|a| a.port())), (Some(8), Some(1)));
        assert_eq!(app.admin.map(|a| a.port()), Some(2));
        book.close();
        book.change("app-1", |app| app.pid = None);
        assert!(!file.exists());
    }

    #[tokio::test]
    async fn who_waits_for_a_change_sees_it() {
        let book = Book::new("/nowhere/state.json".into());
        let wait = book.when("lb-1", |lb| lb.ready.then_some(lb.starts));
        let change = async {
            book.change("lb-1", |lb| lb.starts = 3);
            tokio::task::yield_now().await;
            book.change("lb-1", |lb| lb.ready = true);
        };
        assert_eq!(tokio::join!(wait, change).0, 3);
    }
}
