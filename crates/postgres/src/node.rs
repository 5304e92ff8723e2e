//! Where a node keeps what, and the files it is started with.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::Error;
use crate::settings::{PG_HBA, Upstream, pg_ident, pgpass, postgresql_conf};
use crate::tool::tail;

/// Longest path of a socket that every system takes, the terminating zero aside.
const MAX_SOCKET_PATH_BYTES: usize = 99;
/// A log beyond this is put aside at the next start, in the place of the one before.
const MAX_LOG_BYTES: u64 = 8 << 20;
/// How much of the log goes into an error.
const LOG_TAIL_BYTES: usize = 2_000;

/// Paths of one node.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

impl Place {
    pub(crate) fn new(cluster: &Path, number: u8) -> Result<Self, Error> {
        let name = format!("pg-{number}");
        let folder = cluster.join(&name);
        let place = Self { name, folder };
        let path = place.socket_folder().join(".s.PGSQL.5432");
        let bytes = path.as_os_str().len();
        match bytes > MAX_SOCKET_PATH_BYTES {
            true => Err(Error::SocketPathTooLong { path, bytes }),
            false => Ok(place),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Data is made here and then moved, so that a start cut short leaves nothing half made.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.folder.join("data.unfinished")
    }

    pub(crate) fn socket_folder(&self) -> PathBuf {
        self.folder.join("socket")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub(crate) fn pgpass(&self) -> PathBuf {
        self.folder.join("pgpass")
    }

    pub(crate) fn has_data(&self) -> bool {
        self.data().join("PG_VERSION").exists()
    }

    pub(crate) fn is_replica(&self) -> bool {
        self.data().join("standby.signal").exists()
    }

    /// Major version that wrote the data.
    pub(crate) fn data_major(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.data().join("PG_VERSION")).ok()?;
        text.trim().parse().ok()
    }

    /// Makes the folders, the account's.
    pub(crate) fn make_folders(&self, account: &Account) -> Result<(), Error> {
        for folder in [self.folder.clone(), self.socket_folder()] {
            std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
            account.give(&folder)?;
            // Others get at the socket: which role they may be is a matter of passwords.
            mode(&folder, 0o755)?;
        }
        Ok(())
    }

    /// Writes the configuration for the next start.
    pub(crate) fn write_settings(
        &self,
        account: &Account,
        upstream: Option<&Upstream<'_>>,
        own: &[(String, String)],
    ) -> Result<(), Error> {
        let conf = postgresql_conf(&self.socket_folder(), upstream, own);
        self.write(account, "postgresql.conf", &conf)?;
        self.write(account, "pg_hba.conf", PG_HBA)?;
        self.write(account, "pg_ident.conf", &pg_ident(&account.name))
    }

    pub(crate) fn write_pgpass(&self, account: &Account, password: &str) -> Result<(), Error> {
        self.write(account, "pgpass", &pgpass(password))
    }

    fn write(&self, account: &Account, name: &str, text: &str) -> Result<(), Error> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).map_err(Error::file("write", &path))?;
        mode(&path, 0o600)?;
        account.give(&path)
    }

    /// Arguments of the server.
    pub(crate) fn server_args(&self) -> Vec<String> {
        let mut args = vec!["-D".to_owned(), self.data().display().to_string()];
        for (setting, file) in [
            ("config_file", "postgresql.conf"),
            ("hba_file", "pg_hba.conf"),
            ("ident_file", "pg_ident.conf"),
        ] {
            args.push("-c".to_owned());
            args.push(format!("{setting}={}", self.folder.join(file).display()));
        }
        args
    }

    /// The log, open for what the server prints.
    pub(crate) fn open_log(&self) -> Result<std::fs::File, Error> {
        let path = self.log();
        if path.metadata().is_ok_and(|m| m.len() > MAX_LOG_BYTES) {
            let aside = self.folder.join("log.1");
            std::fs::rename(&path, &aside).map_err(Error::file("put aside", &path))?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.create(true).append(true);
        options.open(&path).map_err(Error::file("open", &path))
    }

    /// The end of the log for an error message; empty when there is none.
    pub(crate) fn log_tail(&self) -> String {
        match std::fs::read(self.log()) {
            Ok(bytes) if !bytes.is_empty() => {
                let end = tail(&String::from_utf8_lossy(&bytes), LOG_TAIL_BYTES);
                format!("; the end of {}:\n{end}", self.log().display())
            }
            _ => String::new(),
        }
    }
}

fn mode(path: &Path, bits: u32) -> Result<(), Error> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits))
        .map_err(Error::file("change the mode of", path))
}
