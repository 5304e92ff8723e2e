//! CPU time from the system's own accounting, of a process with all its
//! descendants: Postgres serves each connection by a process of its own.
//!
//! Linux only (/proc); elsewhere there is no figure and the report says so.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// What /proc/PID/stat says of a process, as far as we need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// Own time and that of children it has waited for, clock ticks.
    ticks: u64,
}

/// Reads a line of /proc/PID/stat. The command name stands in parentheses and
/// may hold anything, parentheses and blanks included.
fn parse(line: &str) -> Option<Stat> {
    let (_, fields) = line.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    // Fields 4 and 14 to 17 of proc_pid_stat(5): ppid, utime, stime, cutime, cstime.
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
    })
}

fn ticks_to_time(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// CPU time that `root` and every descendant have used so far; `None` when the
/// process is gone or the system does not tell.
pub(crate) fn of_tree(root: u32) -> Option<Duration> {
    let processes = processes()?;
    sum(&processes, root).map(ticks_to_time)
}

/// `root` and every descendant, by process id; `None` when the process is gone or the system does not tell.
pub(crate) fn tree(root: u32) -> Option<Vec<u32>> {
    below(&processes()?, root)
}

fn processes() -> Option<HashMap<u32, Stat>> {
    let entries = fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        // A process may end while we look: then it counts with its parent's children.
        Some((pid, parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))
    });
    Some(entries.collect())
}

fn sum(processes: &HashMap<u32, Stat>, root: u32) -> Option<u64> {
    let tree = below(processes, root)?;
    Some(tree.iter().map(|pid| processes[pid].ticks).sum())
}

fn below(processes: &HashMap<u32, Stat>, root: u32) -> Option<Vec<u32>> {
    processes.get(&root)?;
    let mut tree = vec![root];
    let mut looked_at = 0;
    while let Some(parent) = tree.get(looked_at).copied() {
        looked_at += 1;
        let children = processes.iter().filter(|(_, stat)| stat.parent == parent);
        tree.extend(children.map(|(pid, _)| *pid));
    }
    Some(tree)
}

/// CPU time that this process alone has used so far, without its children.
pub(crate) fn of_this_process() -> Option<Duration> {
    let line = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = line.rsplit_once(')')?;
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Some(ticks_to_time(ticks))
}

/// CPU time that all processes of this machine have used so far, over all its cores.
pub(crate) fn of_machine() -> Option<Duration> {
    busy_ticks(&fs::read_to_string("/proc/stat").ok()?).map(ticks_to_time)
}

/// First line of /proc/stat, see proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal.
fn busy_ticks(text: &str) -> Option<u64> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let ticks: Vec<u64> = fields.take(8).filter_map(|field| field.parse().ok()).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some(ticks.iter().sum::<u64>() - idle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_parentheses_does_not_shift_the_fields() {
        let line = "42 (a) (b c) S 7 42 42 0 -1 4194304 1 2 3 4 100 20 3 1 20 0 1 0 99 0 0";
        assert_eq!(parse(line), Some(Stat { parent: 7, ticks: 124 }));
        assert_eq!(parse("42 (a) S 7"), None);
    }

    #[test]
    fn a_machine_is_busy_when_it_is_neither_idle_nor_waiting_for_disks() {
        assert_eq!(busy_ticks("cpu  1 2 4 1000 500 8 16 32 7 7\ncpu0 1\n"), Some(63));
        assert_eq!(busy_ticks(""), None);
    }

    #[test]
    fn a_tree_is_the_process_and_all_below_it() {
        let stat = |parent, ticks| Stat { parent, ticks };
        let processes = HashMap::from([
            (10, stat(1, 1)),
            (11, stat(10, 2)),
            (12, stat(11, 4)),
            (13, stat(10, 8)),
            (20, stat(1, 16)),
        ]);
        assert_eq!(sum(&processes, 10), Some(15));
        assert_eq!(sum(&processes, 99), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_the_first_of_its_tree() {
        let own = std::process::id();
        assert!(of_tree(own).is_some());
        assert_eq!(tree(own).expect("linux")[0], own);
    }
}
