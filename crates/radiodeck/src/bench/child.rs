//! Runs a subcommand of this program as its own process and looks at what it
//! takes: time and memory as an operator would see them.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval};

use crate::measure::{Error, memory};
use crate::up::Interrupt;

/// How often its memory is asked for. The system keeps the peak itself; only one
/// of the last moments can be missed.
const LOOK: Duration = Duration::from_millis(10);

/// What a child took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    pub(super) time: Duration,
    /// The most memory held at once; `None` where the system does not tell.
    pub(super) peak_bytes: Option<u64>,
}

/// Runs `radiodeck` with `args` to its end.
pub(super) async fn run<A: AsRef<OsStr>>(args: &[A], interrupt: &mut Interrupt) -> Result<Took, Error> {
    let cannot = |error: std::io::Error| Error::CannotRun(format!("cannot run radiodeck: {error}"));
    let program = std::env::current_exe().map_err(cannot)?;
    let began = Instant::now();
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(cannot)?;
    let pid = child.id();
    let mut peak_bytes = None;
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ended = std::pin::pin!(child.wait_with_output());
    let output = loop {
        tokio::select! {
            output = &mut ended => break output.map_err(cannot)?,
            _ = looks.tick() => peak_bytes = peak_bytes.max(pid.and_then(memory::peak_bytes)),
            () = interrupt.wait() => return Err(Error::Interrupted),
        }
    };
    let time = began.elapsed();
    if output.status.success() {
        Ok(Took { time, peak_bytes })
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        let args: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
        Err(Error::CannotRun(format!(
            "radiodeck {}: {}",
            args.join(" "),
            said.trim()
        )))
    }
}
