//! Files that are there whole or not at all, even if two processes write them
//! or one dies while it does.

use std::fs::{self, File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Readable by whoever this process runs as, and nobody else.
pub(super) const PRIVATE: u32 = 0o600;
/// Readable by all.
pub(super) const PUBLIC: u32 = 0o644;

/// Puts a file in the place of the one that may be there.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let draft = Draft::write(path, bytes, mode)?;
    fs::rename(&draft.0, path)
}

/// Makes a file unless it is there; of two that try, one succeeds and the other
/// finds what that one has made.
pub(super) fn make_once(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let draft = Draft::write(path, bytes, mode)?;
    // Unlike renaming, linking never replaces.
    match fs::hard_link(&draft.0, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// A file beside its place; gone when dropped.
struct Draft(PathBuf);

impl Draft {
    fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<Self> {
        let name = path.file_name().ok_or(Error::from(ErrorKind::InvalidFilename))?;
        let name = format!(".{}.{:016x}", name.to_string_lossy(), rand::random::<u64>());
        let draft = path.with_file_name(name);
        let mut file: File = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&draft)?;
        let draft = Self(draft);
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing to remove.
        let _result = fs::remove_file(&self.0);
    }
}
