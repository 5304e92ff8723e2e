//! Who computes where: proxies on one core, everything that they are measured
//! with on the others. A thread or process stays where the thread was that
//! started it.

use crate::measure::Error;

/// The cores of this process, divided. Dropping it gives this thread all of them back.
#[derive(Debug)]
pub(super) struct Cores {
    sets: linux::Sets,
}

/// Where a proxy runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On the core that is left to proxies.
    OneCore,
    /// On every core, beside the load.
    AllCores,
}

impl Cores {
    /// Leaves the first core to proxies: this thread, and all that it starts from now on, keeps to the others.
    ///
    /// # Errors
    /// Where there is one core, or where the system cannot bind threads to cores.
    pub(super) fn divide() -> Result<Self, Error> {
        let sets = linux::divide().map_err(|why| Error::CannotRun(format!("no core for proxies alone: {why}")))?;
        Ok(Self { sets })
    }

    /// Does what starts a proxy.
    pub(super) fn start<T>(&self, place: Place, start: impl FnOnce() -> T) -> T {
        linux::bind(match place {
            Place::OneCore => &self.sets.proxies,
            Place::AllCores => &self.sets.all,
        });
        let started = start();
        linux::bind(&self.sets.load);
        started
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        linux::bind(&self.sets.all);
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    #[derive(Debug)]
    pub(super) struct Sets {
        pub(super) all: CpuSet,
        pub(super) proxies: CpuSet,
        pub(super) load: CpuSet,
    }

    pub(super) fn divide() -> Result<Sets, String> {
        let all = sched_getaffinity(None).map_err(|error| error.to_string())?;
        let sets = split(all).ok_or("this process may use one core only")?;
        sched_setaffinity(None, &sets.load).map_err(|error| error.to_string())?;
        Ok(sets)
    }

    fn split(all: CpuSet) -> Option<Sets> {
        let first = (0..CpuSet::MAX_CPU).find(|core| all.is_set(*core))?;
        let (mut proxies, mut load) = (CpuSet::new(), all);
        proxies.set(first);
        load.unset(first);
        (load.count() > 0).then_some(Sets { all, proxies, load })
    }

    /// Cores that could be had before can be had again; a hotplugged one that cannot shows in the figures.
    pub(super) fn bind(set: &CpuSet) {
        if let Err(error) = sched_setaffinity(None, set) {
            tracing::warn!(%error, "cannot choose cores");
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn set(cores: &[usize]) -> CpuSet {
            let mut set = CpuSet::new();
            for core in cores {
                set.set(*core);
            }
            set
        }

        #[test]
        fn proxies_have_the_first_core_and_the_load_has_the_others() {
            let sets = split(set(&[2, 3, 7])).expect("three cores");
            assert_eq!(sets.proxies, set(&[2]));
            assert_eq!(sets.load, set(&[3, 7]));
            assert!(split(set(&[2])).is_none());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod linux {
    #[derive(Debug)]
    pub(super) struct Sets {
        pub(super) all: (),
        pub(super) proxies: (),
        pub(super) load: (),
    }

    pub(super) fn divide() -> Result<Sets, String> {
        Err("only Linux can bind a process to a core".into())
    }

    pub(super) fn bind((): &()) {}
}
