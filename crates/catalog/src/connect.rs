//! How each kind of connection is opened. What a connection may do is settled here, when it
//! opens, so that no query spends a round trip on it.

use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::config::{DatabaseConfig, NodeConfig};

/// How long opening a connection may take, authentication with it.
pub(crate) const CONNECT_DEADLINE: Duration = Duration::from_secs(1);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Short queries that change nothing.
    Read,
    /// Changes.
    Write,
    /// Batches of an import, and what follows it.
    Import,
    /// The topology's samples.
    Monitor,
    /// Migrations.
    Migrate,
}

impl Purpose {
    fn application_name(self) -> &'static str {
        match self {
            Self::Read => "radiodeck read",
            Self::Write => "radiodeck write",
            Self::Import => "radiodeck import",
            Self::Monitor => "radiodeck monitor",
            Self::Migrate => "radiodeck migrate",
        }
    }

    pub(crate) fn statement_timeout(self, configured: Duration) -> Duration {
        match self {
            Self::Read | Self::Write => configured,
            // A batch takes a tenth of a second, the vacuum after the last one a few.
            Self::Import => Duration::from_secs(60),
            Self::Monitor => Duration::from_secs(2),
            // An index on a large table takes its time.
            Self::Migrate => Duration::from_secs(3600),
        }
    }
}

pub(crate) fn options(
    config: &DatabaseConfig,
    node: &NodeConfig,
    password: &str,
    purpose: Purpose,
) -> PgConnectOptions {
    let timeout = purpose.statement_timeout(Duration::from_millis(config.statement_timeout_ms));
    let mut settings = vec![
        ("statement_timeout", format!("{}ms", timeout.as_millis())),
        ("lock_timeout", lock_timeout(purpose).to_owned()),
        (
            "idle_in_transaction_session_timeout",
            idle_in_transaction(purpose).to_owned(),
        ),
        // A plan made for any search word is the wrong one for most: each search is planned for its own words.
        ("plan_cache_mode", "force_custom_plan".to_owned()),
        ("jit", "off".to_owned()),
        // The server's side of a connection whose client is gone; sqlx offers no such thing for ours, where
        // deadlines and the topology's samples do the work.
        ("tcp_keepalives_idle", "10".to_owned()),
        ("tcp_keepalives_interval", "5".to_owned()),
        ("tcp_keepalives_count", "3".to_owned()),
        ("tcp_user_timeout", "20000".to_owned()),
    ];
    if matches!(purpose, Purpose::Read | Purpose::Monitor) {
        settings.push(("default_transaction_read_only", "on".to_owned()));
    }
    // The search index collects what is new in a list that every search reads whole: short in everyday writing; longer
    // while an import writes, which more than halves its time.
    match purpose {
        Purpose::Write => settings.push(("gin_pending_list_limit", "256kB".to_owned())),
        Purpose::Import => settings.push(("gin_pending_list_limit", "8MB".to_owned())),
        Purpose::Read | Purpose::Monitor | Purpose::Migrate => {}
    }
    if purpose == Purpose::Migrate {
        // Where sqlx keeps its list of what has run.
        settings.push(("search_path", "radiodeck".to_owned()));
    }
    PgConnectOptions::new_without_pgpass()
        .host(&node.host)
        .port(node.port)
        .database(&config.name)
        .username(&config.user)
        .password(password)
        .ssl_mode(PgSslMode::Disable)
        .application_name(purpose.application_name())
        .options(settings)
        .disable_statement_logging()
}

/// An app server that is stopped in the middle of a write must not keep others from what it has locked for longer than
/// they wait for a lock.
fn idle_in_transaction(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Write => "1500ms",
        _ => "10s",
    }
}

fn lock_timeout(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Migrate => "30s",
        Purpose::Import => "20s",
        _ => "2s",
    }
}

/// The first line of the password file.
///
/// # Errors
/// Names the key and the file.
pub(crate) fn password(config: &DatabaseConfig) -> Result<String, String> {
    let path = &config.password_file;
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("password_file: {} cannot be read: {error}", path.display()))?;
    match text.lines().next().map(str::trim_end) {
        Some(password) if !password.is_empty() => Ok(password.to_owned()),
        _ => Err(format!("password_file: {} begins with an empty line", path.display())),
    }
}
