//! `radiodeck up` as an operator meets it before anything runs: the errors that
//! name what to do. The whole stack is driven by the end-to-end tests.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

fn radiodeck(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_radiodeck"))
        .args(args)
        .output()
        .expect("radiodeck runs")
}

fn error(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.starts_with("radiodeck: "), "{said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// A folder with this program and programs that only look like the services.
fn beside_services() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["radiodeck-app", "radiodeck-lb", "radiodeck-dns"] {
        std::fs::write(folder.path().join(name), "").expect("written");
    }
    std::fs::copy(env!("CARGO_BIN_EXE_radiodeck"), folder.path().join("radiodeck")).expect("copied");
    folder
}

#[test]
fn a_port_in_use_is_named_with_the_flag_that_chooses_another() {
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = held.local_addr().expect("an address").port().to_string();
    let (programs, data) = (beside_services(), tempfile::tempdir().expect("a folder"));
    for flag in ["--http-port", "--dns-port"] {
        let other = if flag == "--http-port" {
            "--dns-port"
        } else {
            "--http-port"
        };
        let output = Command::new(programs.path().join("radiodeck"))
            .args(["up", "--no-build", "--data", text(data.path()), flag, &port, other, "0"])
            .output()
            .expect("radiodeck runs");
        let said = error(&output);
        assert!(said.contains(&format!("port {port} of 127.0.0.1 is in use")), "{said}");
        assert!(said.contains(flag), "{said}");
    }
}

#[test]
fn services_that_were_not_built_are_named_with_the_way_to_build_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("radiodeck");
    std::fs::copy(env!("CARGO_BIN_EXE_radiodeck"), &program).expect("copied");
    let output = Command::new(program)
        .args(["up", "--no-build", "--data", text(folder.path())])
        .output()
        .expect("radiodeck runs");
    let said = error(&output);
    assert!(said.contains("radiodeck-app") && said.contains("cargo build"), "{said}");
}

#[test]
fn an_import_without_a_stack_says_how_to_get_one() {
    let data = tempfile::tempdir().expect("a folder");
    let said = error(&radiodeck(&["import", "x.json", "--data", text(data.path())]));
    assert!(said.contains("radiodeck up") && said.contains("--config"), "{said}");
}

#[test]
fn an_unknown_configuration_key_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.toml");
    std::fs::write(&file, "[database]\nuser = \"a\"\nport = 1\n").expect("written");
    let said = error(&radiodeck(&["migrate", "--config", text(&file)]));
    assert!(said.contains("database.port") && said.contains(":3"), "{said}");
}

#[test]
fn benchmarks_and_drills_that_are_not_there_are_answered_with_those_that_are() {
    for (kind, known) in [("bench", "api"), ("drill", "failover")] {
        let output = radiodeck(&[kind, "nonsense"]);
        assert_eq!(output.status.code(), Some(2));
        let said = error(&output);
        assert!(said.contains("nonsense") && said.contains(known), "{said}");
        let list = radiodeck(&[kind, "list"]);
        assert!(String::from_utf8_lossy(&list.stdout).contains(known), "{list:?}");
    }
}

#[test]
fn a_benchmark_that_cannot_run_says_why_in_its_report_and_exits_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("api.json");
    let output = radiodeck(&[
        "bench",
        "api",
        "--allow-debug",
        "--stations",
        "/nowhere",
        "--json",
        text(&json),
    ]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).expect("a report")).expect("json");
    assert_eq!(report["figures"], serde_json::json!([]));
    assert!(
        report["missing"][0].as_str().expect("text").contains("/nowhere"),
        "{report}"
    );
}

#[test]
fn a_report_that_could_not_be_written_is_known_before_anything_is_measured() {
    for command in [
        ["bench", "api"],
        ["bench", "all"],
        ["drill", "failover"],
        ["drill", "compose"],
    ] {
        let output = radiodeck(&[&command[..], &["--json", "/nowhere/report.json"]].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = error(&output);
        assert!(said.contains("cannot write /nowhere/report.json"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn load_goes_to_this_machine_only() {
    let output = radiodeck(&["drill", "compose", "--http", "192.0.2.1:80"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("this machine only"),
        "{output:?}"
    );
}
