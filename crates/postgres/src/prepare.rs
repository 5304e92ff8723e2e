//! The folder of a cluster: made, reachable, and ours alone.

use std::fs::{File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::error::Error;
use crate::node::Place;

/// Makes the folder if it is not there, and locks it for as long as the file is open.
pub(crate) fn folder(folder: &Path, account: &Account) -> Result<File, Error> {
    std::fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
    account.check_reaches(folder)?;
    account.give(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
        .map_err(Error::file("change the mode of", folder))?;
    let path = folder.join("lock");
    let file = File::create(&path).map_err(Error::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(Error::file("lock", &path)(error)),
    }
}

/// Binaries of the version that wrote the data, or the newest for a new cluster.
pub(crate) fn binaries(places: &[Place]) -> Result<Binaries, Error> {
    match places.iter().find_map(Place::data_major) {
        Some(major) => Binaries::find_major(major),
        None => Binaries::find(),
    }
}
