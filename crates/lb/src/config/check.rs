//! Probes: what is asked, how often, and what passes.

use health::Thresholds;
use http::HeaderValue;
use serde::Deserialize;
use service::ConfigError;

use super::within;

/// Probes: `GET path` on a connection of its own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckConfig {
    /// Path asked for.
    pub path: String,
    /// Host header; empty: the server's address.
    pub host: String,
    /// Statuses that pass.
    pub status: Vec<StatusRange>,
    /// Text that the answer's first 64 KB must contain; empty: no body is read.
    pub body: String,
    /// Between two probes of one server, milliseconds, spread by a tenth. A
    /// quarter of it while the last result speaks against the verdict.
    pub interval_ms: u64,
    /// For connecting and answering together, milliseconds.
    pub timeout_ms: u64,
    /// Passed probes in a row that bring a server back.
    pub rise: u32,
    /// Failed probes in a row that take it out.
    pub fall: u32,
}

impl Default for CheckConfig {
    fn default() -> Self {
        Self {
            path: "/healthz".into(),
            host: String::new(),
            status: vec![StatusRange { low: 200, high: 299 }],
            body: String::new(),
            interval_ms: 1000,
            timeout_ms: 1000,
            rise: 2,
            fall: 2,
        }
    }
}

impl CheckConfig {
    /// The thresholds in the health crate's form.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        Thresholds {
            rise: self.rise,
            fall: self.fall,
        }
    }

    pub(super) fn check(&self, key: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        let printable = |byte: u8| byte.is_ascii_graphic();
        if !self.path.starts_with('/') || !self.path.bytes().all(printable) {
            return Err(ConfigError::value(
                key("check.path"),
                format!("`{}` is no path: it must start with / and hold no blank", self.path),
            ));
        }
        if !self.host.bytes().all(printable) || HeaderValue::from_str(&self.host).is_err() {
            return Err(ConfigError::value(
                key("check.host"),
                format!("`{}` is no host", self.host),
            ));
        }
        if self.status.is_empty() {
            return Err(ConfigError::value(
                key("check.status"),
                "is empty: no answer could pass",
            ));
        }
        within(key("check.body"), self.body.len() as u64, 0, 1024)?;
        within(key("check.interval_ms"), self.interval_ms, 20, 3_600_000)?;
        within(key("check.timeout_ms"), self.timeout_ms, 10, 60_000)?;
        within(key("check.rise"), self.rise.into(), 1, 100)?;
        within(key("check.fall"), self.fall.into(), 1, 100)
    }
}

/// Statuses from one to another, both included: `"200-299"`, or `"204"` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct StatusRange {
    low: u16,
    high: u16,
}

impl StatusRange {
    /// Whether it holds this one.
    #[must_use]
    pub fn contains(self, status: u16) -> bool {
        (self.low..=self.high).contains(&status)
    }
}

impl TryFrom<String> for StatusRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (low, high) = text.split_once('-').unwrap_or((&text, &text));
        match (low.parse(), high.parse()) {
            (Ok(low), Ok(high)) if (200..=high).contains(&low) && high <= 599 => Ok(Self { low, high }),
            _ => Err(format!("`{text}` is not of the form 204 or 200-299, from 200 to 599")),
        }
    }
}
