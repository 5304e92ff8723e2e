//! Where the servers of a pool are, and how much each of them takes.

use std::net::SocketAddr;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// One entry of a pool's servers: the text alone, or a table that says more.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerConfig {
    /// Where it is, or all of them are.
    pub address: ServerSource,
    /// Its share among all weights of the pool; of a name, that of each address.
    pub weight: u32,
}

impl From<ServerSource> for ServerConfig {
    fn from(address: ServerSource) -> Self {
        Self { address, weight: 1 }
    }
}

impl<'de> Deserialize<'de> for ServerConfig {
    // By hand: the derived way to take one form or the other cannot say what is
    // wrong with either.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrTable;

        impl<'de> Visitor<'de> for TextOrTable {
            type Value = ServerConfig;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("\"ADDRESS:PORT\", \"dns:NAME:PORT\" or { address = ..., weight = ... }")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ServerConfig, E> {
                let source = ServerSource::try_from(text.to_owned()).map_err(E::custom)?;
                Ok(source.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ServerConfig, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ServerConfig {
                    address: table.address,
                    weight: table.weight,
                })
            }
        }

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            address: ServerSource,
            #[serde(default = "one")]
            weight: u32,
        }

        fn one() -> u32 {
            1
        }

        deserializer.deserialize_any(TextOrTable)
    }
}

/// Where servers come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum ServerSource {
    /// One server that does not move.
    Address(SocketAddr),
    /// A name, looked up again and again; each of its addresses is a server.
    Dns {
        /// The name, as the system's resolver understands it.
        name: String,
        /// The port on each address.
        port: u16,
    },
}

impl TryFrom<String> for ServerSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("dns:") {
            return match rest.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
                Some((name, Ok(port))) if !name.is_empty() && port > 0 => Ok(Self::Dns {
                    name: name.to_owned(),
                    port,
                }),
                _ => Err(format!("`{text}` is not of the form dns:NAME:PORT")),
            };
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() > 0 => Ok(Self::Address(address)),
            _ => Err(format!(
                "`{text}` is neither ADDRESS:PORT (10.0.0.1:8000, [fd00::1]:8000) nor dns:NAME:PORT"
            )),
        }
    }
}
