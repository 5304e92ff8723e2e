//! TLS: certificates, session tickets and the settings of a handshake. What
//! happens on a connection is in [`crate::connection::handshake`].
//!
//! Everything that files and the configuration say is one [`Generation`], made
//! whole and swapped whole: a handshake uses the one it began with, a connection
//! does not notice.

pub(crate) mod certificates;
mod files;
mod local_ca;
mod resolver;
mod ticket_keys;
mod tickets;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::server::NoServerSessionStorage;
use service::ConfigError;
use tracing::{info, warn};

use self::certificates::Certificate;
use self::local_ca::LocalCa;
use self::resolver::Resolver;
use self::tickets::Tickets;
use crate::config::TlsConfig;

/// What is spoken over TLS, the best first (ALPN).
const PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];
/// A certificate that ends sooner is worth a word.
const ENDS_SOON: Duration = Duration::from_secs(14 * 86_400);

/// TLS as it is now.
#[derive(Debug)]
pub(crate) struct Tls {
    now: ArcSwap<Generation>,
    /// Held while a new one is made.
    making: Mutex<()>,
    /// Where clients connect, port 0 resolved.
    pub(crate) address: SocketAddr,
}

/// One reading of configuration and files.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) certificates: Vec<Certificate>,
    tickets: Arc<Tickets>,
    pub(crate) config: TlsConfig,
    /// What answers over TLS say of plain HTTP.
    pub(crate) hsts: Option<HeaderValue>,
    /// The port in a redirect to HTTPS; empty for the usual one.
    pub(crate) public_port: String,
}

impl Tls {
    /// Reads everything and makes what is missing.
    ///
    /// # Errors
    /// The first file that cannot be used, with its key.
    pub(crate) fn new(config: &TlsConfig, address: SocketAddr) -> Result<Self, ConfigError> {
        let generation = Generation::read(config, address, None)?;
        generation.tell();
        if config.certificates.is_empty() {
            let ca = LocalCa::new(&config.local_ca).file("ca.pem");
            info!(
                ca = %ca.display(),
                "the certificate is from a local CA: `curl --cacert` takes this file, browsers and systems import it \
                 as an authority; it can vouch for tls.local_ca_names only"
            );
        }
        Ok(Self {
            now: ArcSwap::from_pointee(generation),
            making: Mutex::default(),
            address,
        })
    }

    /// What a new connection uses.
    pub(crate) fn now(&self) -> Arc<Generation> {
        self.now.load_full()
    }

    /// Reads a new configuration and its files, for connections from now on. Blocks.
    /// After an error all is as before.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub(crate) fn reload(&self, config: &TlsConfig) -> Result<(), ConfigError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        self.follow(config)
    }

    /// Reads the files again, whoever has changed them. Blocks.
    ///
    /// # Errors
    /// See [`Self::reload`].
    pub(crate) fn reread(&self) -> Result<(), ConfigError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        self.follow(&self.now().config)
    }

    fn follow(&self, config: &TlsConfig) -> Result<(), ConfigError> {
        let before = self.now();
        let generation = Generation::read(config, self.address, Some(&before))?;
        if !generation.serves_the_same(&before) {
            generation.tell();
        }
        self.now.store(Arc::new(generation));
        Ok(())
    }
}

impl Generation {
    fn read(config: &TlsConfig, address: SocketAddr, before: Option<&Self>) -> Result<Self, ConfigError> {
        let local_ca = (config.certificates.is_empty()).then(|| LocalCa::new(&config.local_ca));
        let certificates = match &local_ca {
            None => certificates::read_all(&config.certificates)?,
            Some(ca) => vec![ca.certificate(&config.local_ca_names)?],
        };
        let shared = match &local_ca {
            _ if !config.ticket_keys.as_os_str().is_empty() => Some(config.ticket_keys.clone()),
            Some(ca) => Some(ca.file("ticket.keys")),
            None => None,
        };
        let tickets = match (&shared, before) {
            (Some(path), _) => Arc::new(Tickets::new(&ticket_keys::read_or_make(path)?)),
            // Tickets of a moment ago are still good.
            (None, Some(before)) => before.tickets.clone(),
            (None, None) => Arc::new(Tickets::new(&[ticket_keys::random()?])),
        };
        let port = match config.public_port {
            0 => address.port(),
            port => port,
        };
        let hsts = format!("max-age={}", config.hsts_seconds);
        Ok(Self {
            server: Arc::new(server(&certificates, tickets.clone())?),
            certificates,
            tickets,
            config: config.clone(),
            hsts: (config.hsts_seconds > 0)
                .then(|| HeaderValue::try_from(hsts).ok())
                .flatten(),
            public_port: if port == 443 { String::new() } else { port.to_string() },
        })
    }

    fn serves_the_same(&self, other: &Self) -> bool {
        let chains = |one: &Self| -> Vec<_> { one.certificates.iter().map(|c| c.certified.cert.clone()).collect() };
        chains(self) == chains(other)
    }

    /// Says in the log what is served.
    fn tell(&self) {
        for certificate in &self.certificates {
            let file: &Path = &certificate.file;
            let days_left = certificate.time_left().as_secs() / 86_400;
            let names = certificate.names.join(" ");
            if certificate.time_left() < ENDS_SOON {
                warn!(file = %file.display(), names, days_left, "a certificate ends soon or has ended");
            } else {
                info!(file = %file.display(), names, days_left, "serving a certificate");
            }
        }
    }
}

/// rustls's settings. Early data stays off: it can be replayed.
fn server(certificates: &[Certificate], tickets: Arc<Tickets>) -> Result<ServerConfig, ConfigError> {
    let mut server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| ConfigError::value("tls", error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver::new(certificates)));
    server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    server.ticketer = tickets;
    // All state is in the tickets: none of it takes memory here, and any
    // balancer can go on with it.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(server)
}
