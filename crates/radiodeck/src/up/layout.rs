//! What lies where in the data folder, and the lock that keeps two stacks out of
//! one folder.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::Error;

/// The data folder of a stack.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The folder `data`, or the usual one of this user.
    ///
    /// # Errors
    /// [`Error::NoDataFolder`] when none is given and the user has no home.
    pub(crate) fn find(data: Option<&Path>) -> Result<Self, Error> {
        let chosen = match data {
            Some(data) => data.to_owned(),
            None => usual(
                rustix::process::geteuid().is_root(),
                std::env::var_os("XDG_DATA_HOME").map(PathBuf::from),
                std::env::home_dir(),
            )
            .ok_or(Error::NoDataFolder)?,
        };
        let root = std::path::absolute(&chosen).map_err(|source| Error::Folder { path: chosen, source })?;
        Ok(Self { root })
    }

    /// The data folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Passwords and the signing key.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// The CA and certificate that the balancers make and share.
    pub(crate) fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// Who trusts this file trusts the balancers.
    pub(crate) fn ca(&self) -> PathBuf {
        self.tls().join("ca.pem")
    }

    /// The Postgres nodes.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// What is written anew at each start: configurations, addresses, process ids.
    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Configuration of a service, by its name such as `app-1`.
    pub(crate) fn config(&self, name: &str) -> PathBuf {
        self.run().join(format!("{name}.toml"))
    }

    /// Configuration for `radiodeck import` and `radiodeck migrate`.
    pub(crate) fn owner_config(&self) -> PathBuf {
        self.config("owner")
    }

    /// Addresses and process ids of the running stack.
    pub(crate) fn state(&self) -> PathBuf {
        self.run().join("state.json")
    }

    /// Process ids, a folder for each run.
    pub(crate) fn pids(&self) -> PathBuf {
        self.run().join("pids")
    }

    /// Zone files.
    pub(crate) fn zones(&self) -> PathBuf {
        self.run().join("zones")
    }

    /// Makes the folders.
    pub(crate) fn make(&self) -> Result<(), Error> {
        for path in [self.root.clone(), self.run(), self.pids(), self.zones()] {
            fs::create_dir_all(&path).map_err(|source| Error::Folder { path, source })?;
        }
        Ok(())
    }

    /// Takes the folder for this process, until the lock is dropped or the
    /// process ends.
    pub(crate) fn lock(&self) -> Result<Lock, Error> {
        let path = self.root.join("lock");
        let fail = |source| Error::Folder {
            path: path.clone(),
            source,
        };
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only to say more in the error.
                let _ = file.read_to_string(&mut holder);
                return Err(Error::InUse {
                    root: self.root.clone(),
                    holder: holder.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        file.set_len(0).map_err(fail)?;
        file.rewind().map_err(fail)?;
        writeln!(file, "{}", std::process::id()).map_err(fail)?;
        Ok(Lock { _file: file })
    }
}

/// Holds the data folder. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

fn usual(root: bool, xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    if root {
        return Some("/var/lib/radiodeck".into());
    }
    // The XDG specification: a path that is not absolute is to be ignored.
    let base = xdg
        .filter(|path| path.is_absolute())
        .or_else(|| home.map(|home| home.join(".local/share")))?;
    Some(base.join("radiodeck"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_folder_follows_the_user() {
        let home = || Some(PathBuf::from("/home/a"));
        assert_eq!(usual(true, None, home()), Some("/var/lib/radiodeck".into()));
        assert_eq!(
            usual(false, None, home()),
            Some("/home/a/.local/share/radiodeck".into())
        );
        assert_eq!(
            usual(false, Some("/data".into()), home()),
            Some("/data/radiodeck".into())
        );
        assert_eq!(
            usual(false, Some("relative".into()), home()),
            Some("/home/a/.local/share/radiodeck".into())
        );
        assert_eq!(usual(false, None, None), None);
    }

    #[test]
    fn two_stacks_do_not_share_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::find(Some(folder.path())).expect("found");
        layout.make().expect("made");
        let held = layout.lock().expect("free");
        let error = layout.lock().expect_err("held").to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(held);
        layout.lock().expect("free again");
    }
}
