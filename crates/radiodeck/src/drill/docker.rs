//! The few words of the docker command line that a drill needs. Containers are
//! always named by their id.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::measure::Error;

const DEADLINE: Duration = Duration::from_secs(60);

/// Ids of the containers of `service` in the compose project `project`, running ones only, by name.
pub(super) async fn containers(project: &str, service: &str) -> Result<Vec<String>, Error> {
    list(project, service, "--all=false").await
}

/// The same with those that do not run.
pub(super) async fn all_containers(project: &str, service: &str) -> Result<Vec<String>, Error> {
    list(project, service, "--all").await
}

async fn list(project: &str, service: &str, which: &str) -> Result<Vec<String>, Error> {
    let text = run(&[
        "ps",
        which,
        "--no-trunc",
        // What `docker compose run` started is none of the service's own.
        "--filter",
        "label=com.docker.compose.oneoff=False",
        "--filter",
        &format!("label=com.docker.compose.project={project}"),
        "--filter",
        &format!("label=com.docker.compose.service={service}"),
        "--format",
        "{{.Names}} {{.ID}}",
    ])
    .await?;
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    Ok(lines
        .into_iter()
        .filter_map(|line| Some(line.split_once(' ')?.1.to_owned()))
        .collect())
}

/// SIGKILL: no restart policy brings it back, as Docker takes it for the operator's will.
pub(super) async fn kill(id: &str) -> Result<(), Error> {
    run(&["kill", id]).await.map(drop)
}

/// In good order, within the container's grace period.
pub(super) async fn stop(id: &str) -> Result<(), Error> {
    run(&["stop", id]).await.map(drop)
}

/// Starts one that was stopped or killed; one that runs stays as it is.
pub(super) async fn start(id: &str) -> Result<(), Error> {
    run(&["start", id]).await.map(drop)
}

/// Stops one in good order and deletes it.
pub(super) async fn remove(id: &str) -> Result<(), Error> {
    stop(id).await?;
    run(&["rm", id]).await.map(drop)
}

/// What `format` (a Go template) says of a container.
pub(super) async fn inspect(id: &str, format: &str) -> Result<String, Error> {
    let text = run(&["inspect", "--format", format, id]).await?;
    Ok(text.trim().to_owned())
}

/// What a container has written to its standard error, each line after the time at which it came.
pub(super) async fn log(id: &str) -> Result<String, Error> {
    let output = output(&["logs", "--timestamps", id]).await?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Gives what it writes to its standard output.
pub(super) async fn run(args: &[&str]) -> Result<String, Error> {
    let output = output(args).await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn output(args: &[&str]) -> Result<Output, Error> {
    let call = format!("docker {}", args.first().unwrap_or(&""));
    let command = Command::new("docker")
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(DEADLINE, command)
        .await
        .map_err(|_| Error::CannotRun(format!("{call}: no answer within {} s", DEADLINE.as_secs())))?
        .map_err(|error| Error::CannotRun(format!("{call}: {error}")))?;
    if output.status.success() {
        Ok(output)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Error::CannotRun(format!("{call}: {}", said.trim())))
    }
}
