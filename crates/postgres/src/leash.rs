//! Sees to it that no server outlives this process, not even when it is killed.
//!
//! A shell waits on a pipe that only this process holds open. When the pipe
//! closes, for whatever reason, it stops every server of the cluster and, if asked to, removes
//! the folder. (Destructors do not run on SIGKILL, nor for the statics of a test.)

use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, ChildStdin};

use crate::error::Error;
use crate::node::Place;
use crate::tool::Tools;

/// Arguments: the signal, the folder to remove or nothing, then the data folders. `server` is what `owner` does in Rust:
/// it prints the number of the folder's server, and nothing where the pid file names another process by now.
const SCRIPT: &str = r#"
server() {
    pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) || return
    case $pid in '' | 0 | 1 | *[!0-9]*) return ;; esac
    if folder=$(readlink "/proc/$pid/cwd" 2>/dev/null) && [ -n "$folder" ]; then
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = postgres ] || return
        [ "$folder" = "$(cd "$1" && pwd -P)" ] || return
    else
        line=$(tr '\0' ' ' <"/proc/$pid/cmdline" || ps -o command= -p "$pid")
        case "$line " in *" -D $1 "*) ;; *) return ;; esac
    fi
    echo "$pid"
}
read -r _
signal=$1 remove=$2
shift 2
for data; do
    pid=$(server "$data")
    if [ -n "$pid" ]; then
        kill "-$signal" "$pid" 2>/dev/null
        kill -CONT "$pid" 2>/dev/null
    fi
done
if [ -n "$remove" ]; then
    tries=0
    for data; do
        while [ -n "$(server "$data")" ] && [ "$tries" -lt 100 ]; do
            tries=$((tries + 1))
            sleep 0.1
        done
    done
    rm -rf "$remove"
fi
"#;

/// Holds the servers; dropping it stops them.
#[derive(Debug)]
pub(crate) struct Leash {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Leash {
    pub(crate) fn tie(tools: &Tools, folder: &Path, throw_away: bool, places: &[Place]) -> Result<Self, Error> {
        let (signal, remove) = match throw_away {
            true => ("QUIT", folder.as_os_str()),
            false => ("INT", "".as_ref()),
        };
        let mut shell = tools
            .command("/bin/sh")
            .args(["-c", SCRIPT, "leash", signal])
            .arg(remove)
            .args(places.iter().map(Place::data))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::file("run", "/bin/sh"))?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// Lets go and waits until all is stopped and removed.
    pub(crate) async fn let_go(&mut self) {
        self.pipe = None;
        let _ = self.shell.wait().await;
    }
}
