//! Tracing to standard error, for people or for collectors.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::LogFormat;

/// Starts tracing for the process. `filter` is in the syntax of `RUST_LOG`;
/// one that cannot be read falls back to `info`. A second call does nothing, so
/// that tests may start several services in one process.
pub fn init(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Colour codes in a file or a container's log only hide the text.
        .with_ansi(std::io::stderr().is_terminal());
    // An error means that tracing has been started already.
    let _already_started = match format {
        LogFormat::Human => builder.compact().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
}
