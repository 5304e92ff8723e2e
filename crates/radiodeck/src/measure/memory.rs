//! Memory from the system's own accounting.
//!
//! Linux only (/proc); elsewhere there is no figure and the report says so.

use std::fs;

use super::cpu;

/// The most memory that `pid` has held at once so far, bytes.
pub(crate) fn peak_bytes(pid: u32) -> Option<u64> {
    of_status(&status(pid)?, "VmHWM:")
}

/// Memory that `root` and every descendant hold now, bytes. What they share counts for each of them.
pub(crate) fn of_tree(root: u32) -> Option<u64> {
    let resident = |pid: u32| of_status(&status(pid)?, "VmRSS:");
    cpu::tree(root)?.into_iter().map(resident).sum()
}

fn status(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/status")).ok()
}

/// A line of /proc/PID/status, see proc_pid_status(5): these are in KiB.
fn of_status(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(value.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_whole_key() {
        let status = "Name:\tlb\nVmPeak:\t 900 kB\nVmHWM:\t  20 kB\nVmRSS:\t  10 kB\n";
        assert_eq!(of_status(status, "VmHWM:"), Some(20 * 1024));
        assert_eq!(of_status(status, "VmRSS:"), Some(10 * 1024));
        assert_eq!(of_status("Name:\tkernel thread\n", "VmRSS:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_holds_no_more_than_its_peak() {
        let own = std::process::id();
        let held = of_tree(own).expect("linux");
        assert!(held > 0 && held <= peak_bytes(own).expect("linux") * 2);
    }
}
