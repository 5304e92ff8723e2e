//! The real binaries, built once in the profile of the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
}

/// Path of a binary of the workspace, such as `radiodeck-lb`.
///
/// `cargo test` builds the binaries of the package under test only, so they are
/// built here, once a test process; an up-to-date build takes a second.
///
/// # Panics
/// When they do not build.
pub fn binary(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--workspace", "--bins", "--locked"])
            .current_dir(repository())
            .output()
            .expect("cargo runs");
        assert!(
            output.status.success(),
            "cargo build: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let test = std::env::current_exe().expect("the test's own path");
        // target/debug/deps/test-1234 -> target/debug
        test.ancestors().nth(2).expect("target folder").to_owned()
    });
    folder.join(name)
}
