//! The access log: whether there is one, in what form and where.

use std::path::Path;

use serde::Deserialize;
use service::ConfigError;

use super::within;

/// One line a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLogConfig {
    /// Form of a line.
    pub format: AccessLogFormat,
    /// The file, to which lines are added; opened anew at each reload. Empty:
    /// standard output.
    pub file: String,
    /// Lines that may wait to be written. More are dropped, and counted.
    pub buffer_lines: usize,
}

/// Form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessLogFormat {
    /// None is written.
    Off,
    /// Apache's combined format, for the tools that read it.
    Combined,
    /// A JSON object, with all that is known.
    Json,
}

impl Default for AccessLogConfig {
    fn default() -> Self {
        Self {
            format: AccessLogFormat::Off,
            file: String::new(),
            buffer_lines: 10_000,
        }
    }
}

impl AccessLogConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("access_log.buffer_lines", self.buffer_lines as u64, 1, 10_000_000)?;
        if !self.file.is_empty() && Path::new(&self.file).is_dir() {
            return Err(ConfigError::value(
                "access_log.file",
                format!("`{}` is a directory", self.file),
            ));
        }
        Ok(())
    }
}
