//! Supervision of shell scripts that behave as services do, and as they should not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

struct Stage {
    folder: tempfile::TempDir,
    shared: Shared,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let shared = Shared {
            book: Arc::new(Book::new(folder.path().join("state.json"))),
            pids: PidFolder::make(&folder.path().join("pids")).expect("made"),
            output: Output::file(log),
        };
        Self { folder, shared }
    }

    fn start(&self, script: &str) -> Supervised {
        let program = self.folder.path().join("service");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
        let spec = Spec {
            name: "app-1".into(),
            program,
            config: Path::new("/data/run/app-1.toml").into(),
        };
        Supervised::start(spec, self.shared.clone())
    }

    async fn when<T>(&self, what: &str, wanted: impl Fn(&super::super::book::ServiceNow) -> Option<T>) -> T {
        let waited = timeout(Duration::from_secs(20), self.shared.book.when("app-1", wanted)).await;
        waited.unwrap_or_else(|_| panic!("{what}: {:?}\n{}", self.shared.book.now("app-1"), self.log()))
    }

    fn log(&self) -> String {
        self.shared.output.finish();
        std::fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }
}

const LISTENING: &str = r#"echo '{"level":"INFO","message":"listening","what":"http","addr":"127.0.0.1:8000"}' >&2"#;
const READY: &str = r#"echo '{"level":"INFO","message":"ready"}' >&2"#;

#[tokio::test]
async fn addresses_and_readiness_are_read_from_the_log() {
    let stage = Stage::new();
    let service = stage.start(&format!("{LISTENING}\n{READY}\nexec sleep 60"));
    let now = stage.when("ready", |now| now.ready.then(|| now.clone())).await;
    assert_eq!(now.listener("http").map(|addr| addr.port()), Some(8000));
    assert_eq!(now.starts, 1);
    service.stop(Duration::from_secs(20)).await;
    assert!(
        stage
            .log()
            .contains("app-1    | INFO  listening addr=127.0.0.1:8000 what=http"),
        "{}",
        stage.log()
    );
}

#[tokio::test]
async fn a_service_that_is_killed_is_started_again_and_the_terminal_is_told() {
    let stage = Stage::new();
    let service = stage.start(&format!("{READY}\nexec sleep 60"));
    let first = stage.when("ready", |now| now.pid.filter(|_| now.ready)).await;
    signal(first, Signal::KILL);
    let second = stage
        .when("again", |now| now.pid.filter(|_| now.ready && now.starts == 2))
        .await;
    assert_ne!(first, second);
    service.stop(Duration::from_secs(20)).await;
    assert!(
        stage
            .log()
            .contains("app-1 ended (signal: 9 (SIGKILL)); starting it again"),
        "{}",
        stage.log()
    );
}

#[tokio::test]
async fn a_service_that_never_comes_up_is_given_up_with_its_last_words() {
    let stage = Stage::new();
    let _service = stage.start("echo 'radiodeck-app: cannot listen' >&2; exit 1");
    let reason = stage.when("failed", |now| now.failed.clone()).await;
    assert_eq!(reason, "exit status: 1: radiodeck-app: cannot listen");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let stage = Stage::new();
    let spec = Spec {
        name: "app-1".into(),
        program: "/nowhere/radiodeck-app".into(),
        config: "/x.toml".into(),
    };
    let _service = Supervised::start(spec, stage.shared.clone());
    let reason = stage.when("failed", |now| now.failed.clone()).await;
    assert!(reason.contains("/nowhere/radiodeck-app"), "{reason}");
}

#[tokio::test]
async fn a_service_may_drain_before_it_ends() {
    let stage = Stage::new();
    let drained = stage.folder.path().join("drained");
    let script = format!(
        "trap 'echo yes > {}; exit 0' TERM\n{READY}\nwhile :; do sleep 0.05; done",
        drained.display()
    );
    let service = stage.start(&script);
    stage.when("ready", |now| now.ready.then_some(())).await;
    service.stop(Duration::from_secs(20)).await;
    assert_eq!(std::fs::read_to_string(drained).expect("it drained"), "yes\n");
    assert_eq!(stage.shared.book.now("app-1").and_then(|now| now.pid), None);
    assert_eq!(stage.shared.pids.running(), []);
}

#[tokio::test]
async fn a_service_that_does_not_end_is_killed() {
    let stage = Stage::new();
    let service = stage.start(&format!("trap '' TERM\n{READY}\nwhile :; do sleep 0.05; done"));
    stage.when("ready", |now| now.ready.then_some(())).await;
    service.stop(Duration::from_millis(100)).await;
    assert!(
        stage.log().contains("did not end within 0 s: killed"),
        "{}",
        stage.log()
    );
}
