//! Who Postgres runs as. It refuses root, so root's processes become another user.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use crate::Error;

/// Tried in this order when we are root.
const INSTEAD_OF_ROOT: [&str; 2] = ["postgres", "nobody"];

/// The system user of the server processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// User and group to become; `None` when it is who we are.
    pub(crate) become_ids: Option<(u32, u32)>,
}

impl Account {
    pub(crate) fn find() -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            let name = own_name()?;
            return Ok(Self { name, become_ids: None });
        }
        let path = Path::new("/etc/passwd");
        let passwd = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
        INSTEAD_OF_ROOT
            .iter()
            .find_map(|name| {
                Some(Self {
                    name: (*name).to_owned(),
                    become_ids: Some(ids(&passwd, name)?),
                })
            })
            .ok_or(Error::NoAccount)
    }

    /// Hands a file or folder over.
    pub(crate) fn give(&self, path: &Path) -> Result<(), Error> {
        match self.become_ids {
            Some((user, group)) => {
                chown(path, Some(user), Some(group)).map_err(Error::file("change the owner of", path))
            }
            None => Ok(()),
        }
    }

    /// Whether the account can get into `folder`, which exists, through everything above it.
    pub(crate) fn check_reaches(&self, folder: &Path) -> Result<(), Error> {
        let Some((user, group)) = self.become_ids else {
            return Ok(());
        };
        let real = folder.canonicalize().map_err(Error::file("find", folder))?;
        for above in real.ancestors().skip(1) {
            let meta = above.metadata().map_err(Error::file("look at", above))?;
            let bit = match (meta.uid() == user, meta.gid() == group) {
                (true, _) => 0o100,
                (_, true) => 0o010,
                _ => 0o001,
            };
            if meta.permissions().mode() & bit == 0 {
                return Err(Error::Unreachable {
                    user: self.name.clone(),
                    folder: above.to_owned(),
                });
            }
        }
        Ok(())
    }
}

fn own_name() -> Result<String, Error> {
    // Not every system keeps its users in /etc/passwd; `id` knows them all.
    let output = Command::new("id")
        .arg("-un")
        .output()
        .map_err(Error::file("run", "id"))?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !name.is_empty() {
        return Ok(name);
    }
    Err(Error::Tool {
        tool: "id -un".into(),
        output: "the current user has no name, and Postgres needs one".into(),
    })
}

fn ids(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        let user: i64 = fields.nth(1)?.parse().ok()?;
        let group: i64 = fields.next()?.parse().ok()?;
        // macOS writes nobody as -2, which is the same 32 bits.
        Some((user as u32, group as u32))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_passwd() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgresql:x:7:7::/:/\npostgres:x:101:104:,,,:/var:/bin/bash\nnobody:*:-2:-2::/:/\n";
        assert_eq!(ids(passwd, "postgres"), Some((101, 104)));
        assert_eq!(ids(passwd, "nobody"), Some((4_294_967_294, 4_294_967_294)));
        assert_eq!(ids(passwd, "ann"), None);
    }
}
