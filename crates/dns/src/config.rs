//! The configuration, as it is written. `config/dns.toml` explains every key.

mod steering;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use service::{ConfigError, ServiceSettings};

use crate::generation::{self, LoadError, Source};
use crate::handler::LEAST_UDP_BYTES;
use crate::transport::tcp::Limits;
use crate::view::{View, Views};
use crate::zone::{Name, ZoneSet};
use crate::zonefile::parse_name;
pub use steering::{SteeringConfig, TargetConfig};

/// The whole configuration of the name server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Addresses to answer on, by UDP and TCP alike. Port 0 takes a free one, the
    /// same for both.
    pub listen: Vec<SocketAddr>,
    /// Folder of zone files that are given by a relative path; itself relative to
    /// the working directory.
    pub zone_dir: PathBuf,
    /// Zones to answer for.
    pub zones: Vec<ZoneConfig>,
    /// What clients of some networks see differently; the first that holds a
    /// client counts.
    pub views: Vec<ViewConfig>,
    /// Names whose addresses are given out as far as they live.
    pub steering: SteeringConfig,
    /// Bounds of UDP.
    pub udp: UdpConfig,
    /// Bounds of TCP.
    pub tcp: TcpConfig,
    /// What all services have.
    pub service: ServiceSettings,
    /// Zones that the check has read, so that the start need not read them again.
    #[serde(skip)]
    checked: OnceLock<ZoneSet>,
}

/// A zone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneConfig {
    /// Its name, such as `radiodeck.si`.
    pub origin: String,
    /// Its file; `<origin>.zone` when left out.
    #[serde(default)]
    pub file: Option<PathBuf>,
}

/// What clients of some networks see differently.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewConfig {
    /// For people and for `/status`; unique.
    pub name: String,
    /// Networks whose clients have this view.
    pub clients: Vec<IpNet>,
    /// Networks within those whose clients have not.
    #[serde(default)]
    pub except: Vec<IpNet>,
    /// Addresses that are replaced.
    pub addresses: Vec<AddressConfig>,
}

/// An address that is replaced in a view.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressConfig {
    /// As the zone files have it.
    pub published: IpAddr,
    /// What stands in its place; one or more of the same family.
    pub private: Vec<IpAddr>,
}

/// Bounds of UDP.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UdpConfig {
    /// Sockets, and so tasks, an address; 0 is one a core. At most 256.
    pub workers: usize,
    /// Longest answer in bytes, 512 to 4096, whatever a client says that it takes.
    pub max_answer_bytes: u16,
}

/// Bounds of TCP. Times are in milliseconds, 1 to 600 000.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TcpConfig {
    /// Connections at a time, 1 to 1 000 000. At the bound the idlest makes room.
    pub max_connections: usize,
    /// Connections at a time of one client, 1 to 1 000 000.
    pub max_connections_per_client: usize,
    /// For a connection's first query.
    pub first_query_ms: u64,
    /// From one query to the next.
    pub idle_ms: u64,
    /// For the client to take its answers.
    pub write_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 5300))],
            zone_dir: "config/zones".into(),
            zones: Vec::new(),
            views: Vec::new(),
            steering: SteeringConfig::default(),
            udp: UdpConfig::default(),
            tcp: TcpConfig::default(),
            service: ServiceSettings::default(),
            checked: OnceLock::new(),
        }
    }
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self {
            workers: 0,
            max_answer_bytes: 1232,
        }
    }
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            max_connections: 512,
            max_connections_per_client: 128,
            first_query_ms: 3_000,
            idle_ms: 10_000,
            write_ms: 5_000,
        }
    }
}

impl Config {
    /// Where the zones are. Valid only after the check.
    ///
    /// # Errors
    /// An origin that is no name, or is there twice.
    pub fn sources(&self) -> Result<Vec<Source>, ConfigError> {
        let mut sources: Vec<Source> = Vec::with_capacity(self.zones.len());
        for (index, zone) in self.zones.iter().enumerate() {
            let key = || format!("zones[{index}].origin");
            let origin = origin(&zone.origin).map_err(|reason| ConfigError::value(key(), reason))?;
            if sources.iter().any(|other| other.origin == origin) {
                return Err(ConfigError::value(key(), format!("{origin} is there twice")));
            }
            let plain = zone.origin.trim_end_matches('.');
            let file = zone.file.clone().unwrap_or_else(|| format!("{plain}.zone").into());
            sources.push(Source {
                origin,
                path: self.zone_dir.join(file),
            });
        }
        Ok(sources)
    }

    /// The views.
    #[must_use]
    pub fn views(&self) -> Views {
        let view = |view: &ViewConfig| {
            let addresses = view.addresses.iter().map(|a| (a.published, a.private.clone()));
            View::new(view.name.clone(), view.clients.clone(), view.except.clone(), addresses)
        };
        Views::new(self.views.iter().map(view).collect())
    }

    /// Reads the zones.
    ///
    /// # Errors
    /// What is wrong, by its key.
    pub(crate) fn load(&self) -> Result<ZoneSet, ConfigError> {
        let steered = self.steering.names()?;
        generation::load(&self.sources()?, &steered).map_err(|error| {
            let key = match &error {
                LoadError::Zone { index, .. } => format!("zones[{index}].file"),
                LoadError::NothingToSteer { index, .. } => format!("steering.names[{index}]"),
            };
            ConfigError::value(key, error.to_string())
        })
    }

    /// The zones that the check read, once.
    pub(crate) fn take_checked(&mut self) -> Option<ZoneSet> {
        self.checked.take()
    }

    fn check_views(&self) -> Result<(), ConfigError> {
        for (index, view) in self.views.iter().enumerate() {
            let fail = |key: &str, message: String| Err(ConfigError::value(format!("views[{index}].{key}"), message));
            if self.views[..index].iter().any(|other| other.name == view.name) {
                return fail("name", format!("\"{}\" is there twice", view.name));
            }
            if view.clients.is_empty() {
                return fail("clients", "names no network, so nobody has this view".into());
            }
            for (at, address) in view.addresses.iter().enumerate() {
                let published = address.published;
                if view.addresses[..at].iter().any(|other| other.published == published) {
                    return fail(
                        &format!("addresses[{at}].published"),
                        format!("{published} is there twice"),
                    );
                }
                if address.private.is_empty() {
                    return fail(&format!("addresses[{at}].private"), "names no address".into());
                }
                let other = address.private.iter().find(|a| a.is_ipv4() != published.is_ipv4());
                if let Some(other) = other {
                    let message = format!("{other} is of another family than {published}");
                    return fail(&format!("addresses[{at}].private"), message);
                }
            }
        }
        Ok(())
    }
}

impl TcpConfig {
    /// As the listener takes them.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            max_connections: self.max_connections,
            max_connections_per_client: self.max_connections_per_client,
            first_query: Duration::from_millis(self.first_query_ms),
            idle: Duration::from_millis(self.idle_ms),
            write: Duration::from_millis(self.write_ms),
        }
    }
}

impl service::Config for Config {
    fn service(&self) -> &ServiceSettings {
        &self.service
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.listen.is_empty() {
            return Err(ConfigError::value("listen", "names no address"));
        }
        for (index, addr) in self.listen.iter().enumerate() {
            if addr.port() != 0 && self.listen[..index].contains(addr) {
                return Err(ConfigError::value(
                    format!("listen[{index}]"),
                    format!("{addr} is there twice"),
                ));
            }
        }
        within("udp.workers", self.udp.workers as u64, 0, 256)?;
        let answer = u64::from(self.udp.max_answer_bytes);
        within("udp.max_answer_bytes", answer, u64::from(LEAST_UDP_BYTES), 4096)?;
        within("tcp.max_connections", self.tcp.max_connections as u64, 1, 1_000_000)?;
        let per_client = self.tcp.max_connections_per_client as u64;
        within("tcp.max_connections_per_client", per_client, 1, 1_000_000)?;
        within("tcp.first_query_ms", self.tcp.first_query_ms, 1, 600_000)?;
        within("tcp.idle_ms", self.tcp.idle_ms, 1, 600_000)?;
        within("tcp.write_ms", self.tcp.write_ms, 1, 600_000)?;
        self.check_views()?;
        self.steering.check()?;
        if self.zones.is_empty() {
            let message = "names no zone; one at least is needed, such as zones = [{ origin = \"radiodeck.si\" }]";
            return Err(ConfigError::value("zones", message));
        }
        let zones = self.load()?;
        // A second check has read the same.
        let _again = self.checked.set(zones);
        Ok(())
    }
}

fn within(key: &str, value: u64, low: u64, high: u64) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::value(key, format!("{value} is not from {low} to {high}")))
}

fn origin(text: &str) -> Result<Name, String> {
    if text.is_empty() {
        return Err("is empty; the root is \".\"".into());
    }
    parse_name(text).map(|name| name.to_lower())
}
