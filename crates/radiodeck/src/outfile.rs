//! Files that a command writes at its end, when what they shall hold may have
//! taken minutes: whether they can be written is found out before.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// Finds out whether `path` can be written, and leaves everything as it was.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    let there = match fs::metadata(path) {
        // Opening a pipe would wait for its reader.
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => return Ok(()),
        Ok(_) => true,
        Err(_) => false,
    };
    OpenOptions::new().append(true).create(true).open(path)?;
    if there { Ok(()) } else { fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_tried_and_left_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        fs::write(&old, "kept").expect("written");
        check(&new).expect("may be made");
        assert!(!new.exists());
        check(&old).expect("may be written");
        assert_eq!(fs::read_to_string(&old).expect("read"), "kept");
        check(Path::new("/dev/null")).expect("a device");
    }

    #[test]
    fn a_file_that_cannot_be_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        check(folder.path()).expect_err("a folder");
        check(&folder.path().join("missing/file")).expect_err("no such folder");
    }
}
