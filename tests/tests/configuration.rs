//! Every service binary runs alone, and every mistake in its configuration is one
//! clear line before anything starts.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use e2e::binaries::{binary, repository};

const SERVICES: &[&str] = &["radiodeck-dns", "radiodeck-lb", "radiodeck-app"];

fn check(service: &str, config: &Path, environment: &[(&str, &str)]) -> Output {
    Command::new(binary(service))
        .arg("--config")
        .arg(config)
        .arg("--check")
        .envs(environment.iter().copied())
        // Files that a configuration names are looked for from the repository's root.
        .current_dir(repository())
        .output()
        .expect("the service runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn config(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

#[test]
fn help_says_what_a_service_is_and_how_to_run_it_alone() {
    for service in SERVICES.iter().chain(&["radiodeck"]) {
        let output = Command::new(binary(service)).arg("--help").output().expect("runs");
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{service}: {}", stderr(&output));
        assert!(help.len() > 600, "{service} --help is thin:\n{help}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_file_line_and_path() {
    for service in SERVICES {
        let file = config("[service]\nlog_filter = \"info\"\nlog_colour = \"blue\"\n");
        let output = check(service, file.path(), &[]);
        assert_eq!(output.status.code(), Some(1), "{service}");
        let said = stderr(&output);
        assert!(said.contains("service.log_colour"), "{service}: {said}");
        assert!(
            said.contains(&format!("{}:3", file.path().display())),
            "{service}: {said}"
        );
        assert_eq!(said.matches("panicked").count(), 0, "{service}: {said}");
    }
}

#[test]
fn a_malformed_zone_file_is_refused_with_its_file_line_and_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let zone = folder.path().join("broken.zone");
    std::fs::write(
        &zone,
        "$ORIGIN radiodeck.si.\n@ 300 IN SOA ns1 hostmaster 1 3600 600 86400 30\n@ 300 IN NS ns1\nns1 300 IN A 127.0.0.300\n",
    )
    .expect("written");
    let file = config(&format!(
        "[[zones]]\norigin = \"radiodeck.si.\"\nfile = {:?}\n",
        zone.display().to_string()
    ));
    let output = check("radiodeck-dns", file.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("broken.zone:4"), "{said}");
}

#[test]
fn the_configurations_of_the_repository_are_valid() {
    let secrets = tempfile::tempdir().expect("a folder");
    let made = Command::new(binary("radiodeck"))
        .arg("secrets")
        .arg(secrets.path())
        .output()
        .expect("radiodeck runs");
    assert!(made.status.success(), "{}", stderr(&made));
    let password = secrets.path().join("app/app_password").display().to_string();
    let key = secrets.path().join("app/signing_key").display().to_string();
    let environment = [
        ("RADIODECK_APP__DATABASE__PASSWORD_FILE", password.as_str()),
        ("RADIODECK_APP__SIGNING_KEY_FILE", key.as_str()),
    ];
    for service in SERVICES {
        let name = service.trim_start_matches("radiodeck-");
        let output = check(service, &repository().join(format!("config/{name}.toml")), &environment);
        assert!(output.status.success(), "{service}: {}", stderr(&output));
    }
}
