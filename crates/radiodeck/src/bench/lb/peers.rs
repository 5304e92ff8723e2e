//! The proxies that are compared: our balancer, nginx and HAProxy as this machine
//! has them. One that is not installed is named in the report.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tool;
use crate::measure::report::Report;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ours,
    Nginx,
    Haproxy,
}

/// One that is there.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) kind: Kind,
    pub(super) path: PathBuf,
    /// Such as `nginx 1.22.1`.
    pub(super) label: String,
}

impl Kind {
    /// Of the program, and of the Debian package.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "radiodeck-lb",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    /// Arguments that start it in the foreground.
    pub(super) fn arguments(self, config: &Path) -> Vec<OsString> {
        let flags: &[&str] = match self {
            Self::Ours => &["--config"],
            Self::Nginx => &["-c"],
            Self::Haproxy => &["-db", "-f"],
        };
        let flags = flags.iter().map(OsString::from);
        flags.chain([config.as_os_str().to_owned()]).collect()
    }
}

/// Our balancer at `path`.
pub(super) fn ours(path: PathBuf) -> Program {
    Program {
        kind: Kind::Ours,
        path,
        label: "ours".into(),
    }
}

/// The peers that are installed.
pub(super) fn find(report: &mut Report) -> Vec<Program> {
    let mut found = Vec::new();
    for kind in [Kind::Nginx, Kind::Haproxy] {
        match tool::find(kind.name()) {
            Some(path) => found.push(Program {
                kind,
                label: label(kind, &path),
                path,
            }),
            None => report.unproven(format!(
                "{name}: NOT INSTALLED, so nothing is compared with it (Debian: apt-get install {name})",
                name = kind.name()
            )),
        }
    }
    found
}

fn label(kind: Kind, path: &Path) -> String {
    let said = Command::new(path).arg("-v").output();
    // nginx says it on standard error.
    let said = said
        .map(|output| [output.stdout, output.stderr].concat())
        .unwrap_or_default();
    match version(&String::from_utf8_lossy(&said)) {
        Some(version) => format!("{} {version}", kind.name()),
        None => kind.name().into(),
    }
}

/// `nginx version: nginx/1.22.1`, `HAProxy version 2.6.12-1+deb12u4 2026/10/17`: without what a distribution adds.
fn version(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("version")?;
    let rest = &rest[rest.find(|c: char| c.is_ascii_digit())?..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
    Some(&rest[..end.unwrap_or(rest.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_without_the_packaging() {
        assert_eq!(version("nginx version: nginx/1.22.1\n"), Some("1.22.1"));
        let haproxy = "HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\n";
        assert_eq!(version(haproxy), Some("2.6.12"));
        assert_eq!(version("no such thing"), None);
    }
}
