//! Programs of the machine that a measurement uses: where they are, and what one
//! that runs to its end says.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::measure::Error;

/// Where servers are installed; not everybody's PATH names these.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// The program `name`; `None` when it is not installed.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Runs `program` to its end and gives what it wrote to standard output.
pub(super) async fn output<A: AsRef<OsStr>>(program: &Path, args: &[A], deadline: Duration) -> Result<String, Error> {
    let name = program.file_name().unwrap_or_default().display();
    let cannot = |why: &dyn std::fmt::Display| Error::CannotRun(format!("{name}: {why}"));
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| cannot(&error))?;
    let output = timeout(deadline, child.wait_with_output())
        .await
        .map_err(|_| cannot(&"did not end in time"))?
        .map_err(|error| cannot(&error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(cannot(&String::from_utf8_lossy(&output.stderr).trim()))
    }
}
