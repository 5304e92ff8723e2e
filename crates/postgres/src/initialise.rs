//! A new primary: its data, roles and databases.

use crate::config::Passwords;
use crate::error::Error;
use crate::node::Place;
use crate::settings::slot;
use crate::tool::Tools;

/// Makes the data of the first node.
pub(crate) async fn make_data(tools: &Tools, place: &Place) -> Result<(), Error> {
    let unfinished = place.unfinished();
    remove(&unfinished)?;
    let mut args: Vec<String> = [
        "--username=postgres",
        "--auth-local=peer",
        "--auth-host=scram-sha-256",
        "--data-checksums",
        "--encoding=UTF8",
        "--no-sync",
    ]
    .map(str::to_owned)
    .to_vec();
    args.extend(locale(tools.binaries.major).map(str::to_owned));
    args.push(format!("--pgdata={}", unfinished.display()));
    tools.run("initdb", &args, "").await?;
    // Synced as a whole before it counts as made.
    let sync = ["--sync-only".to_owned(), format!("--pgdata={}", unfinished.display())];
    tools.run("initdb", &sync, "").await?;
    std::fs::rename(&unfinished, place.data()).map_err(Error::file("move", &unfinished))
}

/// Text is compared byte by byte (indexes do not depend on the system's libraries), but letters
/// are known, so that lower() works beyond ASCII.
fn locale(major: u32) -> [&'static str; 2] {
    match (major >= 17, cfg!(target_os = "macos")) {
        (true, _) => ["--locale-provider=builtin", "--locale=C.UTF-8"],
        (false, false) => ["--lc-collate=C", "--lc-ctype=C.UTF-8"],
        (false, true) => ["--lc-collate=C", "--lc-ctype=en_US.UTF-8"],
    }
}

/// Roles with their passwords. Can be repeated.
pub(crate) fn roles(passwords: &Passwords) -> String {
    let mut sql = String::from("set log_statement = 'none'; set log_min_duration_statement = -1;\n");
    for (role, extra, password) in [
        ("radiodeck_owner", "", &passwords.owner),
        ("radiodeck_app", "", &passwords.app),
        ("replicator", "replication", &passwords.replication),
    ] {
        sql += &format!(
            "select 'create role {role}' where not exists (select from pg_roles where rolname = '{role}') \\gexec\n\
             alter role {role} login {extra} password {};\n",
            literal(password)
        );
    }
    // With it the app sees at once which timeline a replica follows.
    sql + "grant pg_read_all_stats to radiodeck_app;\n"
}

/// A database as `radiodeck` has to be. Can be repeated.
pub(crate) fn database(name: &str) -> String {
    let (literal, identifier) = (literal(name), format!("\"{}\"", name.replace('"', "\"\"")));
    format!(
        "select 'create database {create} owner radiodeck_owner' \
         where not exists (select from pg_database where datname = {literal}) \\gexec\n\
         revoke all on database {identifier} from public;\n\
         grant connect on database {identifier} to radiodeck_app;\n\
         \\connect {identifier}\n\
         revoke create on schema public from public;\n\
         create extension if not exists pg_trgm;\n\
         create extension if not exists unaccent;\n",
        create = identifier.replace('\'', "''"),
    )
}

/// What a replica's slot is now: `None` when there is none.
pub(crate) fn slot_state(node: &str) -> String {
    format!(
        "select wal_status from pg_replication_slots where slot_name = '{}';",
        slot(node)
    )
}

/// A slot made anew.
pub(crate) fn new_slot(node: &str) -> String {
    let slot = slot(node);
    format!(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{slot}';\n\
         select pg_create_physical_replication_slot('{slot}', true);\n"
    )
}

fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

pub(crate) fn remove(folder: &std::path::Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_quoted() {
        assert_eq!(literal(r"it's \ here"), r"E'it''s \\ here'");
    }
}
