//! The configuration of the app server; `config/app.toml` explains each key.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::service::{Config, ConfigError, ServiceSettings};
use catalog::DatabaseConfig;
use ipnet::IpNet;
use serde::Deserialize;

use crate::visitor::SigningKey;

/// Everything the app server can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// Where site and API answer.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Name of this instance in `X-Served-By` and the footer; the machine's
    /// host name when absent.
    pub instance: Option<String>,
    /// File with 64 hex digits: the key under which visitors' addresses are hashed
    /// and consistency tokens signed.
    pub signing_key_file: PathBuf,
    /// Peers whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.
    #[serde(default = "default_trusted_proxies")]
    pub trusted_proxies: Vec<IpNet>,
    /// How long connections are still accepted after SIGTERM while `/healthz`
    /// already fails, milliseconds.
    #[serde(default = "default_drain_notice_ms")]
    pub drain_notice_ms: u64,
    /// Base address of the API as visitors see it, without a trailing slash; told
    /// from the request's host (`www.` becomes `api.`) when absent.
    pub api_base_url: Option<String>,
    /// Base address of the site as visitors see it; told from the request's host
    /// (`api.` becomes `www.`) when absent.
    pub site_base_url: Option<String>,
    /// Bounds on connections, waits and bodies.
    #[serde(default)]
    pub limits: Limits,
    /// The part that all services share.
    #[serde(default)]
    pub service: ServiceSettings,
    /// Where the catalogue is.
    pub database: DatabaseConfig,
}

/// Bounds; every one is checked to be within its range at start.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once, 1 to 100 000; more wait in the kernel's queue.
    pub max_connections: usize,
    /// How long a connection may take to send a request's head, idle time
    /// between requests included, milliseconds.
    pub header_read_timeout_ms: u64,
    /// How long an answer may take to begin, milliseconds.
    pub request_deadline_ms: u64,
    /// How long a write may take, a failover of the database waited for, milliseconds; then it is refused with 503. Less
    /// than `request_deadline_ms`.
    pub write_deadline_ms: u64,
    /// How long a client may stop taking bytes of an answer, milliseconds.
    pub stalled_client_timeout_ms: u64,
    /// How long a request's body may take to arrive, milliseconds; then it is
    /// refused with 408. Not part of `request_deadline_ms`.
    pub body_deadline_ms: u64,
    /// Largest request body, bytes.
    pub max_body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            header_read_timeout_ms: 30_000,
            request_deadline_ms: 10_000,
            write_deadline_ms: 8_000,
            stalled_client_timeout_ms: 30_000,
            body_deadline_ms: 5_000,
            max_body_bytes: 64 * 1024,
        }
    }
}

impl Limits {
    pub(crate) fn header_read_timeout(&self) -> Duration {
        Duration::from_millis(self.header_read_timeout_ms)
    }

    pub(crate) fn request_deadline(&self) -> Duration {
        Duration::from_millis(self.request_deadline_ms)
    }

    pub(crate) fn write_deadline(&self) -> Duration {
        Duration::from_millis(self.write_deadline_ms)
    }

    pub(crate) fn stalled_client_timeout(&self) -> Duration {
        Duration::from_millis(self.stalled_client_timeout_ms)
    }

    pub(crate) fn body_deadline(&self) -> Duration {
        Duration::from_millis(self.body_deadline_ms)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let within = |key: &str, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(ConfigError::value(
                format!("limits.{key}"),
                format!("{value} is out of range, {low} to {high} are allowed"),
            ))
        };
        within("max_connections", self.max_connections as u64, 1, 100_000)?;
        within("header_read_timeout_ms", self.header_read_timeout_ms, 100, 600_000)?;
        within("request_deadline_ms", self.request_deadline_ms, 100, 600_000)?;
        within("write_deadline_ms", self.write_deadline_ms, 50, 600_000)?;
        if self.write_deadline_ms >= self.request_deadline_ms {
            return Err(ConfigError::value(
                "limits.write_deadline_ms",
                format!(
                    "{} must be less than limits.request_deadline_ms ({}): a write that is cut off there cannot say \
                     whether it took place",
                    self.write_deadline_ms, self.request_deadline_ms
                ),
            ));
        }
        within(
            "stalled_client_timeout_ms",
            self.stalled_client_timeout_ms,
            100,
            600_000,
        )?;
        within("body_deadline_ms", self.body_deadline_ms, 100, 600_000)?;
        within("max_body_bytes", self.max_body_bytes as u64, 1024, 16 * 1024 * 1024)
    }
}

impl Config for AppConfig {
    fn service(&self) -> &ServiceSettings {
        &self.service
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.limits.check()?;
        if self.drain_notice_ms > self.service.drain_deadline_ms {
            return Err(ConfigError::value(
                "drain_notice_ms",
                format!(
                    "{} leaves no time to drain: it must not exceed service.drain_deadline_ms ({})",
                    self.drain_notice_ms, self.service.drain_deadline_ms
                ),
            ));
        }
        if let Some(instance) = &self.instance
            && (instance.is_empty() || instance.len() > 100 || !instance.bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(ConfigError::value(
                "instance",
                "must be 1 to 100 visible ASCII characters",
            ));
        }
        check_base_url("api_base_url", self.api_base_url.as_deref())?;
        check_base_url("site_base_url", self.site_base_url.as_deref())?;
        SigningKey::read(&self.signing_key_file)?;
        check_database(&self.database)
    }
}

fn check_base_url(key: &str, url: Option<&str>) -> Result<(), ConfigError> {
    match url {
        None => Ok(()),
        Some(url) if (url.starts_with("http://") || url.starts_with("https://")) && !url.ends_with('/') => Ok(()),
        Some(url) => Err(ConfigError::value(
            key,
            format!("`{url}` must begin with http:// or https:// and not end with a slash"),
        )),
    }
}

fn check_database(database: &DatabaseConfig) -> Result<(), ConfigError> {
    if let Err(message) = database.check() {
        return Err(ConfigError::value("database", message));
    }
    readable("database.password_file", &database.password_file).map(drop)
}

/// The text of a file that the configuration names.
///
/// # Errors
/// Names the key, the file and what the system said.
pub(crate) fn readable(key: &str, path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|error| ConfigError::value(key, format!("{} cannot be read: {error}", path.display())))
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 8000))
}

fn default_drain_notice_ms() -> u64 {
    1_500
}

/// Loopback and the private ranges of RFC 1918, RFC 4193 and RFC 3927: an app
/// server is only reachable from the balancers' network.
fn default_trusted_proxies() -> Vec<IpNet> {
    [
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    ]
    .iter()
    .filter_map(|net| net.parse().ok())
    .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(text.as_bytes()).expect("written");
        file
    }

    fn load(extra: &str, key: &Path, password: &Path) -> Result<AppConfig, ConfigError> {
        let text = format!(
            "signing_key_file = \"{}\"\n{extra}\n[database]\nuser = \"radiodeck_app\"\npassword_file = \"{}\"\n\
             [[database.nodes]]\nname = \"pg-1\"\nhost = \"pg-1\"\n",
            key.display(),
            password.display()
        );
        let file = file(&text);
        let config: AppConfig = ::service::load(Some(file.path()), "RADIODECK_APP", [])?;
        config.check()?;
        Ok(config)
    }

    #[test]
    fn a_few_lines_are_enough() {
        let (key, password) = (file(&"ab".repeat(32)), file("secret\n"));
        let config = load("", key.path(), password.path()).expect("valid");
        assert_eq!(config.listen.port(), 8000);
        assert_eq!(config.trusted_proxies.len(), 8);
        assert_eq!(config.drain_notice_ms, 1_500);
    }

    #[test]
    fn each_bad_value_is_one_error_that_names_its_key() {
        let (key, password) = (file(&"ab".repeat(32)), file("secret\n"));
        let short_key = file("abcd");
        let cases = [
            ("drain_notice_ms = 20000", key.path(), "drain_notice_ms"),
            ("[limits]\nmax_connections = 0", key.path(), "limits.max_connections"),
            ("[limits]\nmax_conections = 1", key.path(), "limits.max_conections"),
            ("[limits]\nbody_deadline_ms = 0", key.path(), "limits.body_deadline_ms"),
            (
                "[limits]\nwrite_deadline_ms = 10000",
                key.path(),
                "limits.write_deadline_ms",
            ),
            ("instance = \"two words\"", key.path(), "instance"),
            ("api_base_url = \"api.example\"", key.path(), "api_base_url"),
            ("trusted_proxies = [\"ten\"]", key.path(), "trusted_proxies[0]"),
            ("", short_key.path(), "signing_key_file"),
            ("", Path::new("/nowhere/key"), "/nowhere/key"),
        ];
        for (extra, key, expected) in cases {
            let error = load(extra, key, password.path()).expect_err(expected).to_string();
            assert!(error.contains(expected), "{extra}: {error}");
        }
    }

    #[test]
    fn the_file_in_the_repository_holds_every_key_at_its_default() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/app.toml");
        let config: AppConfig = ::service::load(Some(&path), "RADIODECK_APP", []).expect("config/app.toml is valid");
        assert_eq!(config.trusted_proxies, default_trusted_proxies());
        assert_eq!(config.limits.request_deadline_ms, Limits::default().request_deadline_ms);
        assert_eq!(config.limits.write_deadline_ms, Limits::default().write_deadline_ms);
        assert_eq!(config.limits.body_deadline_ms, Limits::default().body_deadline_ms);
        assert_eq!(config.database.nodes.len(), 3);
    }
}
