//! A replica's data: a copy of the primary that follows it through a slot of its own.

use std::time::Duration;

use crate::error::Error;
use crate::initialise::{new_slot, remove, slot_state};
use crate::node::Place;
use crate::settings::{Upstream, slot};
use crate::tool::Tools;

/// How long the copy of a primary may take, which grows with the data.
const COPY_DEADLINE: Duration = Duration::from_secs(600);

/// Runs SQL as the superuser.
pub(crate) async fn psql(tools: &Tools, place: &Place, database: &str, sql: &str) -> Result<String, Error> {
    let args = [
        format!("--host={}", place.socket_folder().display()),
        "--port=5432".into(),
        "--username=postgres".into(),
        format!("--dbname={database}"),
        "--no-psqlrc".into(),
        "--quiet".into(),
        "--tuples-only".into(),
        "--no-align".into(),
        "--set=ON_ERROR_STOP=1".into(),
        "--file=-".into(),
    ];
    let output = tools.run("psql", &args, sql).await?;
    Ok(output.trim_end_matches('\n').to_owned())
}

/// Copies the primary unless there is data that can go on from where it is.
pub(crate) async fn make_data(tools: &Tools, primary: &Place, place: &Place) -> Result<(), Error> {
    let state = psql(tools, primary, "postgres", &slot_state(&place.name)).await?;
    // `lost`: the primary no longer keeps what this replica missed.
    if place.has_data() && !state.is_empty() && state != "lost" {
        return Ok(());
    }
    tracing::info!(node = place.name, "copying the primary");
    let unfinished = place.unfinished();
    remove(&unfinished)?;
    psql(tools, primary, "postgres", &new_slot(&place.name)).await?;
    let upstream = Upstream {
        socket_folder: &primary.socket_folder(),
        pgpass: &place.pgpass(),
        replica: &place.name,
    };
    let args = [
        format!("--dbname={}", upstream.conninfo()),
        format!("--pgdata={}", unfinished.display()),
        format!("--slot={}", slot(&place.name)),
        "--wal-method=stream".into(),
        "--checkpoint=fast".into(),
        "--no-password".into(),
    ];
    let deadline = tools.deadline.max(COPY_DEADLINE);
    tools.run_within(deadline, "pg_basebackup", &args, "").await?;
    let signal = unfinished.join("standby.signal");
    std::fs::write(&signal, "").map_err(Error::file("write", &signal))?;
    tools.account.give(&signal)?;
    remove(&place.data())?;
    std::fs::rename(&unfinished, place.data()).map_err(Error::file("move", &unfinished))
}
