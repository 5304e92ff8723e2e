//! `radiodeck drill lb`, as far as a debug build on a busy machine can be held to
//! it: what is lost and what arrives twice, not how long it takes.

use std::process::Command;

#[test]
fn no_get_is_lost_and_no_post_arrives_twice_while_every_server_is_killed_and_restarted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (json, docs) = (folder.path().join("lb.json"), folder.path().join("failures.md"));
    let output = Command::new(env!("CARGO_BIN_EXE_radiodeck"))
        .args(["drill", "lb", "--quick", "--only", "killed", "--json"])
        .arg(&json)
        .arg("--docs")
        .arg(&docs)
        .output()
        .expect("radiodeck runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = std::fs::read_to_string(&json).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("json");
    let value = |start: &str, end: &str| {
        let name = |figure: &&serde_json::Value| {
            let name = figure["name"].as_str().expect("a name");
            name.starts_with(start) && name.ends_with(end)
        };
        let figures = report["figures"].as_array().expect("figures");
        let figure = figures
            .iter()
            .find(name)
            .unwrap_or_else(|| panic!("{start} {end}: {report}"));
        figure["value"].as_f64().expect("a number")
    };
    assert_eq!(value("GET, each killed", ": failed"), 0.0);
    assert_eq!(value("POST, each killed", ": seen twice by servers"), 0.0);
    // It was under load all the time.
    for method in ["GET", "POST"] {
        assert!(value(&format!("{method}, each killed"), ": requests") > 1000.0);
    }
    let docs = std::fs::read_to_string(&docs).expect("a document");
    for part in ["What GETs see", "What POSTs see", "| each killed", "Commit "] {
        assert!(docs.contains(part), "{part} is not in {docs}");
    }
}
