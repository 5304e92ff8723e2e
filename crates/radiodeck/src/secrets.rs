//! `radiodeck secrets DIR`: random passwords and a signing key on first start.
//!
//! There are no default passwords anywhere. A secret appears whole (written to
//! a temporary file, then linked into place) and is never overwritten, so that
//! two runs at once, or one that is killed, leave no half secret behind and no
//! service with a password that has changed under it.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rand::Rng;
use thiserror::Error;

use crate::error;

/// Folder and file below the secrets' folder. A folder is what one kind of
/// container mounts.
const SECRETS: [(&str, &str); 6] = [
    ("app", "app_password"),
    ("app", "signing_key"),
    ("owner", "owner_password"),
    ("db", "replication_password"),
    ("db", "rewind_password"),
    ("db", "patroni_password"),
];

/// Bytes of randomness; written as twice as many hexadecimal characters.
const BYTES: usize = 32;

/// Why the secrets are not complete.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("secrets: cannot make {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("secrets: {} is there and cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("secrets: {} is empty: delete it and run this again", path.display())]
    Empty { path: PathBuf },
}

/// Runs the subcommand.
pub(crate) fn run(dir: &Path) -> Result<ExitCode, error::Error> {
    for path in ensure(dir)? {
        eprintln!("radiodeck: wrote {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the secrets that are missing and gives their paths.
pub(crate) fn ensure(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut made = Vec::new();
    for (folder, name) in SECRETS {
        let folder = dir.join(folder);
        // A folder that is there keeps its mode: it may be a volume that is not ours to change.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|source| Error::Write {
                path: folder.clone(),
                source,
            })?;
        let path = folder.join(name);
        match fs::metadata(&path) {
            Ok(found) if found.len() == 0 => return Err(Error::Empty { path }),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if write_new(&folder, &path).map_err(|source| Error::Write {
                    path: path.clone(),
                    source,
                })? {
                    made.push(path);
                }
            }
            Err(source) => return Err(Error::Read { path, source }),
        }
    }
    Ok(made)
}

/// False when somebody else was faster: theirs is as good as ours.
fn write_new(folder: &Path, path: &Path) -> io::Result<bool> {
    let mut secret = [0_u8; BYTES];
    rand::rng().fill_bytes(&mut secret);
    let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();

    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{text}")?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o400))?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            fs::File::open(folder)?.sync_all()?;
            Ok(true)
        }
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(dir: &Path) -> Vec<String> {
        SECRETS
            .iter()
            .map(|(folder, name)| fs::read_to_string(dir.join(folder).join(name)).expect("a secret"))
            .collect()
    }

    #[test]
    fn every_secret_is_random_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(ensure(dir.path()).expect("made").len(), SECRETS.len());
        let mut secrets = read_all(dir.path());
        for secret in &secrets {
            assert_eq!(secret.trim().len(), 64, "{secret}");
            assert!(secret.trim().bytes().all(|b| b.is_ascii_hexdigit()), "{secret}");
        }
        secrets.sort();
        secrets.dedup();
        assert_eq!(secrets.len(), SECRETS.len());
        let mode = |path: &str| fs::metadata(dir.path().join(path)).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode("app/app_password"), 0o400);
        assert_eq!(mode("app"), 0o700);
    }

    #[test]
    fn a_second_run_changes_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        ensure(dir.path()).expect("made");
        let before = read_all(dir.path());
        assert_eq!(ensure(dir.path()).expect("kept"), Vec::<PathBuf>::new());
        assert_eq!(read_all(dir.path()), before);
    }

    #[test]
    fn only_what_is_missing_is_made() {
        let dir = tempfile::tempdir().expect("a folder");
        ensure(dir.path()).expect("made");
        let before = read_all(dir.path());
        let key = dir.path().join("app/signing_key");
        fs::remove_file(&key).expect("removed");
        assert_eq!(ensure(dir.path()).expect("made"), [key]);
        let after = read_all(dir.path());
        assert_eq!(after[0], before[0]);
        assert_ne!(after[1], before[1]);
    }

    #[test]
    fn an_empty_secret_is_named_and_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("app")).expect("made");
        fs::write(dir.path().join("app/app_password"), "").expect("written");
        let error = ensure(dir.path()).expect_err("empty").to_string();
        assert!(error.contains("app_password is empty"), "{error}");
    }

    #[test]
    fn runs_at_the_same_time_agree() {
        let dir = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| ensure(dir.path()).expect("made"));
            }
        });
        let before = read_all(dir.path());
        ensure(dir.path()).expect("kept");
        assert_eq!(read_all(dir.path()), before);
        let leftovers = fs::read_dir(dir.path().join("app")).expect("listed").count();
        assert_eq!(leftovers, 2);
    }
}
