//! HTTPS: where it is served, with which certificates, and what it asks of
//! plain HTTP.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use rustls::pki_types::DnsName;
use serde::Deserialize;
use service::ConfigError;

use super::within;
use crate::tls::certificates;

/// The second listener and what it needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Where clients connect with TLS. `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// The port that clients see, for redirects. 0: that of `listen`.
    pub public_port: u16,
    /// Certificates, chosen by the name that a client asks for.
    pub certificates: Vec<CertificateConfig>,
    /// Directory of a local CA, made once, from which the certificate comes if
    /// none is given. Empty: none.
    pub local_ca: PathBuf,
    /// Names and addresses in the local CA's certificate.
    pub local_ca_names: Vec<String>,
    /// File of the secrets for session tickets, made once. Empty: in the
    /// directory of the local CA, and without one in memory only.
    pub ticket_keys: PathBuf,
    /// How often certificates and secrets are read again, milliseconds.
    pub reread_ms: u64,
    /// From the connection to the end of the handshake, milliseconds.
    pub handshake_ms: u64,
    /// Handshakes at once, over all workers. Above it the oldest is ended.
    pub max_handshakes: usize,
    /// Whether plain HTTP is sent to HTTPS.
    pub redirect_http: bool,
    /// `Strict-Transport-Security` on answers over TLS. 0: none.
    pub hsts_seconds: u64,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateConfig {
    /// PEM file: the certificate, then those between it and the root.
    pub certificate: PathBuf,
    /// PEM file: its private key.
    pub key: PathBuf,
}

impl Default for TlsConfig {
    fn default() -> Self {
        let names = [
            "www.radiodeck.localhost",
            "api.radiodeck.localhost",
            "radiodeck.localhost",
            "*.radiodeck.localhost",
            "www.radiodeck.si",
            "api.radiodeck.si",
            "radiodeck.si",
            "*.radiodeck.si",
            "localhost",
            "127.0.0.1",
            "127.0.0.2",
            "::1",
        ];
        Self {
            listen: None,
            public_port: 0,
            certificates: Vec::new(),
            local_ca: PathBuf::new(),
            local_ca_names: names.map(str::to_owned).to_vec(),
            ticket_keys: PathBuf::new(),
            reread_ms: 60_000,
            handshake_ms: 10_000,
            max_handshakes: 4096,
            redirect_http: false,
            hsts_seconds: 0,
        }
    }
}

impl TlsConfig {
    /// Reads the files that must be there; makes none.
    pub(super) fn check(&self, http: SocketAddr) -> Result<(), ConfigError> {
        within("tls.reread_ms", self.reread_ms, 50, 86_400_000)?;
        within("tls.handshake_ms", self.handshake_ms, 100, 600_000)?;
        within("tls.max_handshakes", self.max_handshakes as u64, 16, 10_000_000)?;
        within("tls.hsts_seconds", self.hsts_seconds, 0, 10 * 365 * 86_400)?;
        for (index, name) in self.local_ca_names.iter().enumerate() {
            if !is_name(name) {
                return Err(ConfigError::value(
                    format!("tls.local_ca_names[{index}]"),
                    format!("`{name}` is neither a name in small letters (a.example, *.example) nor an address"),
                ));
            }
        }
        let Some(listen) = self.listen else {
            if self.redirect_http {
                let message = "there is nowhere to send clients to: tls.listen is not set";
                return Err(ConfigError::value("tls.redirect_http", message));
            }
            return Ok(());
        };
        if listen == http && listen.port() != 0 {
            return Err(ConfigError::value(
                "tls.listen",
                format!("{listen} is `listen` already"),
            ));
        }
        if self.certificates.is_empty() && self.local_ca.as_os_str().is_empty() {
            let message = "give certificates, or in tls.local_ca a directory for a local CA that is made once";
            return Err(ConfigError::value("tls.certificates", message));
        }
        if self.certificates.is_empty() && self.local_ca_names.is_empty() {
            return Err(ConfigError::value("tls.local_ca_names", "at least one name is needed"));
        }
        certificates::read_all(&self.certificates).map(drop)
    }
}

fn is_name(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_dns = DnsName::try_from(name).is_ok() && !name.bytes().any(|byte| byte.is_ascii_uppercase());
    is_dns || text.parse::<IpAddr>().is_ok()
}
