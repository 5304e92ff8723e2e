//! Whether a process is the server of a data folder. A pid file says so, but outlives its process, and numbers are used
//! again.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use rustix::process::Pid;

/// A postmaster works in its data folder. Where the system does not show that, its arguments count.
pub(crate) fn serves(pid: Pid, data: &Path) -> bool {
    let pid = pid.as_raw_nonzero().to_string();
    if let Ok(folder) = std::fs::read_link(format!("/proc/{pid}/cwd")) {
        let is_postgres = std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_ascii() == b"postgres");
        return is_postgres && data.canonicalize().is_ok_and(|data| data == folder);
    }
    let line = match std::fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(arguments) => arguments.split(|byte| *byte == 0).collect::<Vec<_>>().join(&b' '),
        Err(_) => {
            let output = Command::new("ps").args(["-o", "command=", "-p", &pid]).output();
            output.map(|output| output.stdout).unwrap_or_default()
        }
    };
    names(&line, data.as_os_str())
}

/// Whether a command line has `-D` and this folder.
fn names(line: &[u8], data: &OsStr) -> bool {
    let wanted = [b" -D ", data.as_bytes(), b" "].concat();
    let line = [line.trim_ascii_end(), b" "].concat();
    line.windows(wanted.len()).any(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_names_the_whole_folder() {
        let line = b"/usr/bin/postgres -D /var/pg 1/data -c config_file=/var/pg 1/postgresql.conf\n";
        assert!(names(line, "/var/pg 1/data".as_ref()));
        assert!(names(b"postgres -D /data\n", "/data".as_ref()));
        for other in ["/var/pg/data", "/pg 1/data", "/var/pg 1/data"] {
            assert!(!names(b"postgres -D /var/pg 1/data-old", other.as_ref()), "{other}");
        }
        assert!(!names(b"", "/data".as_ref()));
    }

    #[test]
    fn a_process_that_is_no_server_serves_nothing() {
        let here = std::env::current_dir().expect("a folder");
        assert!(!serves(rustix::process::getpid(), &here));
    }
}
