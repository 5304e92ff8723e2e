//! Where the services' programs are: beside this one. Run by `cargo run`, they
//! are built first, since cargo builds only what it was asked to run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;
use super::output::Output;

/// The programs of the services.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) app: PathBuf,
    pub(crate) lb: PathBuf,
    pub(crate) dns: PathBuf,
}

const APP: &str = "radiodeck-app";
const LB: &str = "radiodeck-lb";
const DNS: &str = "radiodeck-dns";

impl Programs {
    /// Finds the programs, after building them if cargo runs us and `build` is set.
    pub(crate) fn find(build: bool, output: &Output) -> Result<Self, Error> {
        let folder = folder(build.then_some((&[APP, LB, DNS], output)))?;
        Ok(Self {
            app: program(&folder, APP)?,
            lb: program(&folder, LB)?,
            dns: program(&folder, DNS)?,
        })
    }

    /// The balancer alone, built first if cargo runs us.
    pub(crate) fn balancer(output: &Output) -> Result<PathBuf, Error> {
        program(&folder(Some((&[LB], output)))?, LB)
    }
}

/// The folder of this program, after building what shall lie beside it if cargo runs us.
fn folder(wanted: Option<(&[&str], &Output)>) -> Result<PathBuf, Error> {
    let own = std::env::current_exe().map_err(Error::OwnPath)?;
    let folder = own.parent().unwrap_or(Path::new("/")).to_owned();
    if let (Some(cargo), Some((names, output))) = (cargo(), wanted) {
        output.say("up", "building the services");
        build(cargo, &folder, names)?;
    }
    Ok(folder)
}

fn program(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(Error::NoProgram(path))
    }
}

/// The cargo that runs us. `cargo test` sets the variable, too, but then the
/// package is that of the test.
pub(super) fn cargo() -> Option<OsString> {
    let package = std::env::var("CARGO_PKG_NAME").ok()?;
    // In the tests of this package cargo has built nothing but this program: build then as well.
    (package == env!("CARGO_PKG_NAME")).then(|| std::env::var_os("CARGO"))?
}

fn build(cargo: OsString, folder: &Path, names: &[&str]) -> Result<(), Error> {
    let mut command = Command::new(&cargo);
    command.arg("build");
    command.args(names.iter().flat_map(|name| ["--package", name]));
    command.args(profile(folder));
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    // cargo's own variables describe this package; the manifest is found from its folder.
    if let Some(manifest) = std::env::var_os("CARGO_MANIFEST_DIR") {
        command.current_dir(manifest);
    }
    // Standard output belongs to the stack.
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|source| Error::Spawn {
            program: cargo.into(),
            source,
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Build(status))
    }
}

/// The profile by the folder that cargo puts its programs in.
fn profile(folder: &Path) -> Vec<String> {
    match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => Vec::new(),
        Some("release") => vec!["--release".into()],
        Some(other) => vec!["--profile".into(), other.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_built_in_the_profile_of_this_program() {
        assert_eq!(profile(Path::new("/t/debug")), Vec::<String>::new());
        assert_eq!(profile(Path::new("/t/release")), ["--release"]);
        assert_eq!(profile(Path::new("/t/quick")), ["--profile", "quick"]);
    }
}
