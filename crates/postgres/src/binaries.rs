//! Finds Postgres's server binaries where systems put them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Oldest major version that works.
pub const OLDEST_MAJOR: u32 = 15;

/// What is run. All come with every server package.
const NEEDED: [&str; 4] = ["postgres", "initdb", "pg_basebackup", "psql"];

/// Folders whose entries are versions, and where in a version the binaries are.
const VERSIONED: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr/pgsql-*", "bin"),
    ("/opt/homebrew/opt/postgresql@*", "bin"),
    ("/usr/local/opt/postgresql@*", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt/postgresql@*", "bin"),
];

/// A folder of server binaries and their version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The folder.
    pub folder: PathBuf,
    /// Major version, such as 17.
    pub major: u32,
}

impl Binaries {
    /// The newest ones on this machine that are new enough.
    ///
    /// # Errors
    /// [`Error::NoBinaries`], which says what to install.
    pub fn find() -> Result<Self, Error> {
        let searched = candidates(std::env::var_os("PATH"));
        newest(&searched, |major| major >= OLDEST_MAJOR)
            .ok_or_else(|| missing(format!("{OLDEST_MAJOR} or newer"), &searched))
    }

    /// Those of exactly this version, which is what existing data needs.
    ///
    /// # Errors
    /// [`Error::NoBinaries`], which says what to install.
    pub fn find_major(wanted: u32) -> Result<Self, Error> {
        let searched = candidates(std::env::var_os("PATH"));
        newest(&searched, |major| major == wanted).ok_or_else(|| missing(wanted.to_string(), &searched))
    }

    pub(crate) fn path(&self, tool: &str) -> PathBuf {
        self.folder.join(tool)
    }
}

fn missing(wanted: String, searched: &[PathBuf]) -> Error {
    let mut list: Vec<String> = searched.iter().map(|p| p.display().to_string()).collect();
    list.extend(VERSIONED.map(|(folder, bin)| match folder.strip_suffix('*') {
        Some(_) => format!("{folder}/{bin}"),
        None => format!("{folder}/*/{bin}"),
    }));
    list.dedup();
    let searched = list.join(", ");
    Error::NoBinaries { wanted, searched }
}

fn candidates(path: Option<OsString>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = path.iter().flat_map(std::env::split_paths).collect();
    for (folder, bin) in VERSIONED {
        let (parent, prefix) = match folder.strip_suffix('*').and_then(|f| f.rsplit_once('/')) {
            Some((parent, prefix)) => (parent, prefix),
            None => (folder, ""),
        };
        let Ok(entries) = std::fs::read_dir(parent) else {
            continue;
        };
        found.extend(
            entries
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join(bin)),
        );
    }
    found
}

/// Ties go to the earlier folder, so that PATH decides between equals.
fn newest(folders: &[PathBuf], fits: impl Fn(u32) -> bool) -> Option<Binaries> {
    let mut best: Option<Binaries> = None;
    for folder in folders
        .iter()
        .filter(|f| NEEDED.iter().all(|tool| f.join(tool).is_file()))
    {
        let Some(major) = major(folder).filter(|major| fits(*major)) else {
            continue;
        };
        if best.as_ref().is_none_or(|b| major > b.major) {
            let folder = folder.clone();
            best = Some(Binaries { folder, major });
        }
    }
    best
}

fn major(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

/// From `postgres (PostgreSQL) 17.5 (Debian 17.5-1)`, also `18beta1`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        assert_eq!(
            parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("bash: postgres: not found"), None);
    }

    #[test]
    fn a_missing_version_is_an_error_that_says_what_to_install() {
        let error = Binaries::find_major(7).expect_err("nobody has 7").to_string();
        assert!(error.contains("no Postgres 7 server found"), "{error}");
        assert!(error.contains("apt-get install postgresql"), "{error}");
        assert!(error.contains("/usr/lib/postgresql/*/bin"), "{error}");
    }
}
