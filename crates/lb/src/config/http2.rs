//! HTTP/2 from clients: how much of it, and from where on it is an attack.

use serde::Deserialize;
use service::ConfigError;

use super::within;

/// HTTP/2 from clients.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http2Config {
    /// Whether it is spoken at all.
    pub enabled: bool,
    /// Requests at once on one connection.
    pub max_streams: u32,
    /// Of one request's body, what may be on its way unread, bytes.
    pub stream_window_bytes: u32,
    /// The same for all bodies of a connection together.
    pub connection_window_bytes: u32,
    /// What ends a connection.
    pub floods: FloodConfig,
}

/// As many of these frames are still no attack. Above: GOAWAY with
/// `ENHANCE_YOUR_CALM`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FloodConfig {
    /// What a window is, milliseconds.
    pub window_ms: u64,
    /// `RST_STREAM` in a window (CVE-2023-44487).
    pub resets: u32,
    /// `RST_STREAM` before any of the answer, in a connection's life.
    pub abusive_resets: u32,
    /// `RST_STREAM` that the client's mistakes make us send, in a connection's
    /// life (CVE-2025-8671).
    pub emitted_resets: u32,
    /// `PING` in a window (CVE-2019-9512).
    pub pings: u32,
    /// `SETTINGS` in a window (CVE-2019-9515).
    pub settings: u32,
    /// `CONTINUATION` after one `HEADERS` (CVE-2024-27316).
    pub continuations: u32,
    /// `DATA` with neither data nor an end, in a window (CVE-2019-9518).
    pub empty_data: u32,
    /// `PRIORITY` and frames of unknown types in a window (CVE-2019-9513).
    pub priorities: u32,
    /// `WINDOW_UPDATE` in a window, beyond ten for each `DATA` sent
    /// (CVE-2019-9511).
    pub window_updates: u32,
}

impl Default for Http2Config {
    fn default() -> Self {
        Self {
            enabled: true,
            max_streams: 128,
            stream_window_bytes: 128 * 1024,
            connection_window_bytes: 256 * 1024,
            floods: FloodConfig::default(),
        }
    }
}

impl Default for FloodConfig {
    fn default() -> Self {
        Self {
            window_ms: 1000,
            resets: 100,
            abusive_resets: 50,
            emitted_resets: 500,
            pings: 100,
            settings: 50,
            continuations: 20,
            empty_data: 100,
            priorities: 1000,
            window_updates: 1000,
        }
    }
}

impl Http2Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let most = 16 * 1024 * 1024;
        within("http2.max_streams", self.max_streams.into(), 1, 10_000)?;
        let stream = u64::from(self.stream_window_bytes);
        within("http2.stream_window_bytes", stream, 16 * 1024, most)?;
        let connection = u64::from(self.connection_window_bytes);
        // HTTP/2 begins with 65,535 and cannot take them back.
        within("http2.connection_window_bytes", connection, 65_535, most)?;
        let floods = &self.floods;
        within("http2.floods.window_ms", floods.window_ms, 100, 3_600_000)?;
        for (key, value) in [
            ("http2.floods.resets", floods.resets),
            ("http2.floods.abusive_resets", floods.abusive_resets),
            ("http2.floods.emitted_resets", floods.emitted_resets),
            ("http2.floods.pings", floods.pings),
            ("http2.floods.settings", floods.settings),
            ("http2.floods.continuations", floods.continuations),
            ("http2.floods.empty_data", floods.empty_data),
            ("http2.floods.priorities", floods.priorities),
            ("http2.floods.window_updates", floods.window_updates),
        ] {
            within(key, value.into(), 1, 10_000_000)?;
        }
        Ok(())
    }
}
