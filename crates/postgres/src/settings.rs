//! The configuration files of a node, written anew at each start so that they
//! follow this version of Radiodeck and the place of the folder.

use std::fmt::Write as _;
use std::path::Path;

/// Meant for a laptop that does other things too: little memory, durable all the same.
const DEFAULTS: [(&str, &str); 27] = [
    ("listen_addresses", ""),
    ("port", "5432"),
    ("unix_socket_permissions", "0777"),
    ("max_connections", "200"),
    ("password_encryption", "scram-sha-256"),
    ("shared_buffers", "128MB"),
    ("effective_cache_size", "600MB"),
    ("work_mem", "8MB"),
    ("maintenance_work_mem", "64MB"),
    // The catalogue fits in memory and its queries are short: compiling one takes longer than running it.
    ("random_page_cost", "1.1"),
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("wal_level", "replica"),
    // Needed by pg_rewind, with which a former primary follows the new one.
    ("wal_log_hints", "on"),
    ("wal_compression", "on"),
    ("max_wal_size", "1GB"),
    ("max_wal_senders", "10"),
    ("max_replication_slots", "10"),
    // A replica that is away for longer than this is copied anew; the disk never fills on its account.
    ("max_slot_wal_keep_size", "1GB"),
    ("wal_sender_timeout", "10s"),
    ("hot_standby", "on"),
    ("hot_standby_feedback", "on"),
    ("wal_receiver_timeout", "10s"),
    ("wal_receiver_status_interval", "1s"),
    ("wal_retrieve_retry_interval", "500ms"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
];

/// Where a replica streams from.
pub(crate) struct Upstream<'a> {
    pub(crate) socket_folder: &'a Path,
    pub(crate) pgpass: &'a Path,
    pub(crate) replica: &'a str,
}

impl Upstream<'_> {
    /// A libpq connection string.
    pub(crate) fn conninfo(&self) -> String {
        format!(
            "host='{}' port=5432 user=replicator passfile='{}' application_name={} connect_timeout=3",
            quoted(self.socket_folder),
            quoted(self.pgpass),
            self.replica
        )
    }
}

fn quoted(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\").replace('\'', "\\'")
}

/// Replication slot of a node: names of slots have no dashes.
pub(crate) fn slot(node: &str) -> String {
    node.replace('-', "_")
}

pub(crate) fn postgresql_conf(
    socket_folder: &Path,
    upstream: Option<&Upstream<'_>>,
    own: &[(String, String)],
) -> String {
    let mut text = String::from("# Written by radiodeck at each start: changes here are lost.\n");
    let mut set = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name} = '{}'", value.replace('\\', "\\\\").replace('\'', "''"));
    };
    for (name, value) in DEFAULTS {
        set(name, value);
    }
    set("unix_socket_directories", &format!("\"{}\"", socket_folder.display()));
    if let Some(upstream) = upstream {
        set("primary_conninfo", &upstream.conninfo());
        set("primary_slot_name", &slot(upstream.replica));
    }
    // The last of equal names counts.
    for (name, value) in own {
        set(name, value);
    }
    text
}

/// Who may connect: the account that runs the server as superuser, the roles by password, nobody else.
pub(crate) const PG_HBA: &str = "\
local  all          postgres         peer map=superuser
local  all          radiodeck_owner  scram-sha-256
local  all          radiodeck_app    scram-sha-256
local  replication  replicator       scram-sha-256
";

pub(crate) fn pg_ident(account: &str) -> String {
    format!("superuser  \"{account}\"  postgres\n")
}

/// A password file for replication over whichever socket.
pub(crate) fn pgpass(password: &str) -> String {
    format!(
        "*:*:*:replicator:{}\n",
        password.replace('\\', "\\\\").replace(':', "\\:")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_settings_come_last_and_quotes_are_doubled() {
        let own = [("log_line_prefix".to_owned(), "it's %m".to_owned())];
        let text = postgresql_conf(Path::new("/d/pg-1/socket"), None, &own);
        assert!(text.ends_with("log_line_prefix = 'it''s %m'\n"), "{text}");
        assert!(
            text.contains("unix_socket_directories = '\"/d/pg-1/socket\"'\n"),
            "{text}"
        );
        assert!(!text.contains("primary_conninfo"), "{text}");
    }

    #[test]
    fn a_replica_names_its_primary_and_slot() {
        let upstream = Upstream {
            socket_folder: Path::new("/d/pg-1/socket"),
            pgpass: Path::new("/d/pg-2/pgpass"),
            replica: "pg-2",
        };
        let text = postgresql_conf(Path::new("/d/pg-2/socket"), Some(&upstream), &[]);
        assert!(text.contains("primary_slot_name = 'pg_2'\n"), "{text}");
        assert!(text.contains("host=''/d/pg-1/socket'' port=5432"), "{text}");
    }

    #[test]
    fn a_password_with_colons_is_escaped_in_the_password_file() {
        assert_eq!(pgpass(r"a:b\c"), "*:*:*:replicator:a\\:b\\\\c\n");
    }
}
