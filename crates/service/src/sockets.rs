//! Listening sockets on their way from process to process: those that this one
//! was given when it was started, and copies for a successor.
//!
//! They are given as systemd gives them (sd_listen_fds(3)), and so it may be
//! systemd that does. A socket is recognised by its address. A connection that
//! waits to be accepted waits at the socket, not in a process: whoever has the
//! socket can take it, and it is lost only with the last one that lets go.

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, PoisonError};

use listenfd::ListenFd;
use socket2::SockRef;
use tracing::{info, warn};

use crate::{StartError, bind_tcp};

/// Among the names of what is given: where the predecessor waits for word.
pub(crate) const PREDECESSOR: &str = "predecessor";

/// Listening sockets of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Sockets {
    state: Arc<Mutex<State>>,
    /// Whether there is a predecessor that serves until this process can.
    takes_over: bool,
}

#[derive(Debug, Default)]
struct State {
    given: Vec<Given>,
    /// For a successor, with their keys; `None` if there will not be one.
    copies: Option<Vec<(&'static str, TcpListener)>>,
}

#[derive(Debug)]
struct Given {
    name: String,
    address: SocketAddr,
    listener: TcpListener,
}

impl Sockets {
    /// Those that the environment tells of, and the way to the predecessor if they
    /// are from one. With `copies`, a copy of each that is bound is kept for a
    /// successor. Only before there are other threads, as it changes the environment.
    pub(crate) fn from_environment(copies: bool) -> (Self, Option<UnixDatagram>) {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut descriptors = ListenFd::from_env();
        let mut given = Vec::new();
        let mut predecessor = None;
        for index in 0..descriptors.len() {
            let name = names.next().unwrap_or_default();
            if name == PREDECESSOR {
                predecessor = descriptors.take_unix_datagram(index).unwrap_or_default();
                continue;
            }
            let taken = descriptors.take_tcp_listener(index).and_then(|listener| {
                let listener = listener.ok_or(std::io::ErrorKind::NotFound)?;
                Given::new(name, listener)
            });
            match taken {
                Ok(socket) => given.push(socket),
                Err(error) => warn!(name, %error, "a given descriptor is no listening TCP socket: ignored"),
            }
        }
        let state = State {
            given,
            copies: copies.then(Vec::new),
        };
        let sockets = Self {
            state: Arc::new(Mutex::new(state)),
            takes_over: predecessor.is_some(),
        };
        (sockets, predecessor)
    }

    /// Whether a predecessor has given its sockets and serves until this process is
    /// ready. It shall not serve before: it could do it worse.
    #[must_use]
    pub fn take_over(&self) -> bool {
        self.takes_over
    }

    /// A listener that nobody shares, given or bound.
    ///
    /// # Errors
    /// [`StartError::Bind`] naming `key` when the address cannot be had.
    pub(crate) fn bind(&self, listen: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
        let mut listeners = self.take(listen, key);
        let listener = match listeners.pop() {
            Some(listener) => listener,
            None => bind_std(listen, false, key)?,
        };
        self.copy(key, std::slice::from_ref(&listener))?;
        Ok(listener)
    }

    /// Listeners on one address for so many workers: as many, or more if more are
    /// given. Of those, a worker takes several, as each may have connections that
    /// wait. If fewer are given, workers share them: one that was bound beside them
    /// would get connections before this process can serve.
    ///
    /// # Errors
    /// [`StartError::Bind`] naming `key` when the address cannot be had.
    pub fn bind_for_workers(
        &self,
        listen: SocketAddr,
        workers: usize,
        key: &'static str,
    ) -> Result<Vec<TcpListener>, StartError> {
        let mut listeners = self.take(listen, key);
        if listeners.is_empty() {
            listeners = bind_each(listen, workers, key)?;
        } else {
            info!(key, sockets = listeners.len(), "listening sockets were given");
        }
        self.copy(key, &listeners)?;
        for index in 0..workers.saturating_sub(listeners.len()) {
            listeners.push(copy_of(&listeners[index])?);
        }
        Ok(listeners)
    }

    /// Lets go of the copies for a successor: there will not be one any more, and the
    /// address must not seem open when the service has closed its own listeners. A
    /// service that binds here calls this before it does that.
    pub fn let_go(&self) {
        self.with(|state| state.copies = None);
    }

    /// Closes what was given and is not configured.
    pub(crate) fn close_unwanted(&self) {
        for given in self.with(|state| std::mem::take(&mut state.given)) {
            warn!(name = given.name, addr = %given.address, "a given socket is not configured: closed");
        }
    }

    /// What a successor gets, each with its name; `None` if there cannot be one.
    pub(crate) fn for_successor(&self) -> Option<Result<Vec<(String, OwnedFd)>, StartError>> {
        self.with(|state| {
            let copies = state.copies.as_ref()?.iter();
            let copies = copies.map(|(key, listener)| Ok(((*key).to_owned(), copy_of(listener)?.into())));
            Some(copies.collect())
        })
    }

    fn take(&self, listen: SocketAddr, key: &str) -> Vec<TcpListener> {
        self.with(|state| {
            let mut taken = Vec::new();
            for given in std::mem::take(&mut state.given) {
                if given.is_for(listen, key) {
                    taken.push(given.listener);
                } else {
                    state.given.push(given);
                }
            }
            taken
        })
    }

    fn copy(&self, key: &'static str, listeners: &[TcpListener]) -> Result<(), StartError> {
        self.with(|state| {
            if let Some(copies) = &mut state.copies {
                for listener in listeners {
                    copies.push((key, copy_of(listener)?));
                }
            }
            Ok(())
        })
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Given {
    fn new(name: &str, listener: TcpListener) -> std::io::Result<Self> {
        if !SockRef::from(&listener).is_listener()? {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        // systemd gives them as they are by default.
        listener.set_nonblocking(true)?;
        Ok(Self {
            name: name.to_owned(),
            address: listener.local_addr()?,
            listener,
        })
    }

    /// "Any free port" means the one that the predecessor has got for this key.
    fn is_for(&self, listen: SocketAddr, key: &str) -> bool {
        let same_key = listen.port() == 0 && listen.ip() == self.address.ip() && self.name == key;
        self.address == listen || same_key
    }
}

/// One listener a worker, all on one address.
fn bind_each(listen: SocketAddr, workers: usize, key: &'static str) -> Result<Vec<TcpListener>, StartError> {
    if listen.port() != 0 {
        // Another process shares its port with us without an error, and would
        // take half of the connections. Nobody may hold it at all.
        drop(bind_tcp(listen, false, key)?);
    }
    let mut address = listen;
    let mut listeners = Vec::new();
    for _ in 0..workers {
        let listener = bind_std(address, true, key)?;
        address = listener.local_addr().map_err(system("cannot read the bound address"))?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn bind_std(listen: SocketAddr, reuse_port: bool, key: &'static str) -> Result<TcpListener, StartError> {
    let listener = bind_tcp(listen, reuse_port, key)?;
    listener
        .into_std()
        .map_err(system("cannot take a listener from the runtime"))
}

fn copy_of(listener: &TcpListener) -> Result<TcpListener, StartError> {
    listener.try_clone().map_err(system("cannot copy a listening socket"))
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

#[cfg(test)]
mod tests;
