//! The `[steering]` table: which names are answered by who lives, and how that is found out.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use service::ConfigError;

use super::within;
use crate::zone::Name;
use crate::zonefile::parse_name;

/// Most targets: each is a task and a connection every interval.
const MOST_TARGETS: usize = 256;

/// Names whose addresses are probed. Times are in milliseconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SteeringConfig {
    /// Names whose A and AAAA records are given out only as far as their addresses live. A wildcard
    /// is named as in the zone file. Empty: nothing is steered.
    pub names: Vec<String>,
    /// TTL of what is steered, 0 to 3600 seconds, whatever the zone file says.
    pub ttl_s: u32,
    /// Path that a probe asks for; 200 is a pass.
    pub path: String,
    /// Host header of a probe; where it connects to when left out.
    pub host: Option<String>,
    /// From one probe of an address to the next, 50 to 600 000.
    pub interval_ms: u64,
    /// For a probe, from the connection's first packet to the answer's head, 10 to 60 000.
    pub timeout_ms: u64,
    /// Passed probes in a row that bring a dead address back, 1 to 100.
    pub rise: u32,
    /// Failed probes in a row that take a living one out, 1 to 100.
    pub fall: u32,
    /// Addresses that are probed. Others at the same names count as alive.
    pub targets: Vec<TargetConfig>,
}

/// An address that is probed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// As the zone files have it.
    pub address: IpAddr,
    /// Where it is probed, which may be the same machine's address on another network.
    pub probe: SocketAddr,
    /// In how many answers it comes first, by proportion, 0 to 10 000; 0 makes it a backup, given
    /// out only while no other lives.
    #[serde(default = "default_weight")]
    pub weight: u32,
}

impl Default for SteeringConfig {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            ttl_s: 5,
            path: "/.lb/health".into(),
            host: None,
            interval_ms: 500,
            timeout_ms: 400,
            rise: 2,
            fall: 2,
            targets: Vec::new(),
        }
    }
}

impl SteeringConfig {
    /// The names, in lower case. Valid only after the check.
    ///
    /// # Errors
    /// A text that is no name.
    pub fn names(&self) -> Result<Vec<Name>, ConfigError> {
        let name = |(index, text): (usize, &String)| {
            let parsed = parse_name(text).map(|name| name.to_lower());
            parsed.map_err(|reason| ConfigError::value(format!("steering.names[{index}]"), reason))
        };
        self.names.iter().enumerate().map(name).collect()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.names()?;
        within("steering.ttl_s", self.ttl_s.into(), 0, 3600)?;
        within("steering.interval_ms", self.interval_ms, 50, 600_000)?;
        within("steering.timeout_ms", self.timeout_ms, 10, 60_000)?;
        within("steering.rise", self.rise.into(), 1, 100)?;
        within("steering.fall", self.fall.into(), 1, 100)?;
        if !self.path.starts_with('/') || http::Uri::try_from(&self.path).is_err() {
            return Err(ConfigError::value("steering.path", "is no path that begins with /"));
        }
        if let Some(host) = &self.host
            && http::HeaderValue::try_from(host).is_err()
        {
            return Err(ConfigError::value("steering.host", "cannot stand in a header"));
        }
        if self.names.is_empty() != self.targets.is_empty() {
            let (there, missing) = match self.names.is_empty() {
                true => ("targets", "names"),
                false => ("names", "targets"),
            };
            let message = format!("is empty, and steering.{there} is not: neither means anything alone");
            return Err(ConfigError::value(format!("steering.{missing}"), message));
        }
        within("steering.targets", self.targets.len() as u64, 0, MOST_TARGETS as u64)?;
        for (index, target) in self.targets.iter().enumerate() {
            let key = format!("steering.targets[{index}]");
            within(&format!("{key}.weight"), target.weight.into(), 0, 10_000)?;
            if target.probe.port() == 0 {
                return Err(ConfigError::value(format!("{key}.probe"), "has port 0"));
            }
            if self.targets[..index]
                .iter()
                .any(|other| other.address == target.address)
            {
                let message = format!("{} is there twice", target.address);
                return Err(ConfigError::value(format!("{key}.address"), message));
            }
        }
        Ok(())
    }
}

fn default_weight() -> u32 {
    100
}
