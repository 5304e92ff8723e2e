//! The operator's word on a server: apart from every verdict on its health, and
//! stronger. It is kept by address, so that it holds for a server that discovery
//! loses for a while, and over reloads.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use service::Refused;
use tracing::info;

use super::Pool;

/// Most words that are kept. More servers than that are not looked after by hand.
const MOST: usize = 4096;

/// What the operator wants of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Admin {
    /// It gets requests if it is well.
    Enabled,
    /// It gets none and finishes those that it has. Its idle connections are kept:
    /// it may be back in a moment.
    Draining,
    /// The same, and its idle connections are closed.
    Disabled,
}

impl Admin {
    pub(super) fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Draining,
            2 => Self::Disabled,
            _ => Self::Enabled,
        }
    }

    /// Its name in `/status`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Draining => "draining",
            Self::Disabled => "disabled",
        }
    }
}

/// Words that differ from [`Admin::Enabled`].
#[derive(Debug, Default)]
pub(super) struct Words(Mutex<BTreeMap<SocketAddr, Admin>>);

impl Words {
    /// What was said of the server at this address.
    pub(super) fn on(&self, address: SocketAddr) -> Admin {
        let words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        words.get(&address).copied().unwrap_or(Admin::Enabled)
    }

    /// Answers false if there are too many already.
    fn say(&self, address: SocketAddr, admin: Admin) -> bool {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if admin == Admin::Enabled {
            words.remove(&address);
            return true;
        }
        let room = words.len() < MOST || words.contains_key(&address);
        if room {
            words.insert(address, admin);
        }
        room
    }
}

impl Pool {
    /// Does the operator's will.
    ///
    /// # Errors
    /// A reason for the operator.
    pub(crate) fn set_admin(&self, address: SocketAddr, admin: Admin) -> Result<(), Refused> {
        let members = self.members();
        let server = members.iter().find(|server| server.address == address);
        let server = server.ok_or_else(|| Refused::not_found("the pool has no server at this address"))?;
        if !self.words.say(address, admin) {
            return Err(Refused::invalid("too many servers are drained or disabled"));
        }
        if server.set_admin(admin) {
            let pool = self.config.name.as_str();
            info!(pool, server = %address, admin = admin.name(), in_flight = server.in_flight(), "told by the operator");
            self.changed();
        }
        Ok(())
    }
}
