//! A real cluster, made, stopped, killed and taken up again.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use postgres::{Binaries, Cluster, ClusterConfig, Error, Passwords};

fn passwords() -> Passwords {
    Passwords {
        owner: "owner's word".into(),
        app: r"app:\word".into(),
        replication: r"repl:'\word".into(),
    }
}

/// A folder that the server's account may enter, which a 0700 temporary folder of root is not.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("rd-pg-").tempdir().expect("a folder")
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn ask(cluster: &Cluster, node: &str, sql: &str) -> String {
    match cluster.superuser_sql(node, "radiodeck", sql).await {
        Ok(answer) => answer,
        Err(error) => error.to_string(),
    }
}

fn log_in(cluster: &Cluster, role: &str, password: &str) -> String {
    let psql = Binaries::find().expect("binaries").folder.join("psql");
    let output = Command::new(psql)
        .args(["-XAt", "-h", &cluster.nodes()[0].host, "-U", role, "-d", "radiodeck"])
        .args(["-c", "select current_user"])
        .env("PGPASSWORD", password)
        .output()
        .expect("psql runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn replicas_follow_and_everything_is_there_after_a_restart() {
    let folder = folder();
    let config = ClusterConfig::new(folder.path(), 2, passwords());
    let cluster = Cluster::start(config.clone()).await.expect("starts");
    let names: Vec<String> = cluster.nodes().into_iter().map(|node| node.name).collect();
    assert_eq!(names, ["pg-1", "pg-2", "pg-3"]);

    ask(&cluster, "pg-1", "create table t as select 7 as n").await;
    for replica in ["pg-2", "pg-3"] {
        until("the row is replicated", async || {
            ask(&cluster, replica, "select n from t").await == "7"
        })
        .await;
        assert_eq!(ask(&cluster, replica, "select pg_is_in_recovery()").await, "t");
    }
    let extensions = "select string_agg(extname, ' ' order by extname) from pg_extension where extname <> 'plpgsql'";
    assert_eq!(ask(&cluster, "pg-2", extensions).await, "pg_trgm unaccent");
    assert_eq!(ask(&cluster, "pg-1", "select lower('ÄÉŽ')").await, "äéž");
    assert_eq!(ask(&cluster, "pg-1", "show data_checksums").await, "on");

    assert_eq!(log_in(&cluster, "radiodeck_app", r"app:\word"), "radiodeck_app\n");
    assert_eq!(log_in(&cluster, "radiodeck_owner", "owner's word"), "radiodeck_owner\n");
    assert!(log_in(&cluster, "radiodeck_app", "guess").contains("password authentication failed"));
    assert!(
        log_in(&cluster, "postgres", "guess").contains("authentication failed"),
        "no superuser for others"
    );

    let error = Cluster::start(config.clone()).await.expect_err("the folder is taken");
    assert!(matches!(error, Error::InUse(_)), "{error}");
    let socket = Path::new(&cluster.nodes()[0].host).join(".s.PGSQL.5432");
    cluster.stop().await;
    assert!(!socket.exists(), "the primary is stopped");

    let changed = Passwords {
        app: "new".into(),
        ..passwords()
    };
    let again = ClusterConfig {
        passwords: changed,
        replicas: 1,
        ..config
    };
    let cluster = Cluster::start(again).await.expect("starts again");
    assert_eq!(ask(&cluster, "pg-2", "select n from t").await, "7");
    assert_eq!(log_in(&cluster, "radiodeck_app", "new"), "radiodeck_app\n");
    cluster.stop().await;
}

#[tokio::test]
async fn a_killed_node_is_noticed_and_can_be_started_again() {
    let folder = folder();
    let cluster = Cluster::start(ClusterConfig::throw_away(folder.path(), 1, passwords()))
        .await
        .expect("starts");
    cluster.kill_node("pg-2").await.expect("is known");
    assert!(ask(&cluster, "pg-2", "select 1").await.contains("psql failed"));
    ask(&cluster, "pg-1", "create table t as select 8 as n").await;
    cluster.start_node("pg-2").await.expect("starts again");
    until("it catches up", async || {
        ask(&cluster, "pg-2", "select n from t").await == "8"
    })
    .await;

    // The postmaster alone is ended from outside.
    let pid = std::fs::read_to_string(folder.path().join("pg-1/data/postmaster.pid")).expect("a pid file");
    let pid = pid.lines().next().expect("a pid");
    Command::new("kill").args(["-QUIT", pid]).status().expect("kill runs");
    let died = tokio::time::timeout(Duration::from_secs(20), cluster.died()).await;
    assert_eq!(died.expect("it is noticed"), "pg-1");
    cluster.start_node("pg-1").await.expect("recovers");
    assert_eq!(ask(&cluster, "pg-1", "select n from t").await, "8");
    assert!(matches!(cluster.kill_node("pg-9").await, Err(Error::UnknownNode(_))));
    cluster.stop().await;
    assert!(!folder.path().exists(), "a throw-away folder is removed");
}

#[tokio::test]
async fn a_frozen_node_is_silent_until_it_is_thawed() {
    let folder = folder();
    let cluster = Cluster::start(ClusterConfig::throw_away(folder.path(), 0, passwords()))
        .await
        .expect("starts");
    cluster.freeze_node("pg-1").await.expect("is known");
    let silent = tokio::time::timeout(Duration::from_millis(500), ask(&cluster, "pg-1", "select 1")).await;
    assert!(silent.is_err(), "{silent:?}");
    cluster.thaw_node("pg-1").await.expect("is known");
    assert_eq!(ask(&cluster, "pg-1", "select 1").await, "1");
    drop(cluster);
    until("a dropped cluster is gone", async || !folder.path().exists()).await;
}

#[tokio::test]
async fn servers_do_not_outlive_a_process_that_is_killed() {
    let folder = folder();
    let mut holder = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "holder", "--ignored"])
        .env("CLUSTER_FOLDER", folder.path())
        .spawn()
        .expect("starts");
    until("the cluster runs", async || folder.path().join("ready").exists()).await;
    let socket = folder.path().join("pg-1/socket/.s.PGSQL.5432");
    assert!(socket.exists());
    holder.kill().expect("is ours");
    holder.wait().expect("ends");
    until("the server is stopped", async || !socket.exists()).await;

    // And what even that leaves behind (the leash killed as well) is stopped by the next start.
    let config = ClusterConfig::throw_away(folder.path(), 0, passwords());
    let cluster = Cluster::start(config).await.expect("takes the data up");
    assert_eq!(ask(&cluster, "pg-1", "select 1").await, "1");
    cluster.stop().await;
}

#[tokio::test]
#[ignore = "not a test: the process that is killed"]
async fn holder() {
    let Some(folder) = std::env::var_os("CLUSTER_FOLDER").map(std::path::PathBuf::from) else {
        return;
    };
    let config = ClusterConfig::new(&folder, 0, passwords());
    let _cluster = Cluster::start(config).await.expect("starts");
    std::fs::write(folder.join("ready"), "").expect("writes");
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[tokio::test]
async fn a_pid_file_of_a_server_long_gone_does_not_keep_it_from_starting() {
    let folder = folder();
    let config = ClusterConfig::new(folder.path(), 0, passwords());
    Cluster::start(config.clone()).await.expect("starts").stop().await;
    let stale = format!("{}\n", std::process::id());
    std::fs::write(folder.path().join("pg-1/data/postmaster.pid"), stale).expect("writes");
    Cluster::start(config).await.expect("starts").stop().await;
}

/// Numbers of processes are used again: the one in a pid file may be that of another cluster's server by now.
#[tokio::test]
async fn a_pid_file_that_names_the_server_of_another_folder_harms_nobody() {
    let (others, ours) = (folder(), folder());
    let other = Cluster::start(ClusterConfig::throw_away(others.path(), 0, passwords()))
        .await
        .expect("starts");
    let note = std::fs::read_to_string(others.path().join("pg-1/data/postmaster.pid")).expect("a pid file");
    let mislead = || std::fs::write(ours.path().join("pg-1/data/postmaster.pid"), &note).expect("writes");

    Cluster::start(ClusterConfig::new(ours.path(), 0, passwords()))
        .await
        .expect("starts")
        .stop()
        .await;
    mislead();
    let config = ClusterConfig::throw_away(ours.path(), 0, passwords());
    let cluster = Cluster::start(config).await.expect("starts beside it");
    assert_eq!(ask(&other, "pg-1", "select 1").await, "1", "the start left it alone");

    cluster.stop_node("pg-1").await.expect("stops");
    mislead();
    drop(cluster);
    until("the leash is done", async || !ours.path().exists()).await;
    assert_eq!(ask(&other, "pg-1", "select 1").await, "1", "the leash left it alone");
    assert_eq!(ask(&other, "pg-1", "show max_connections").await, "200");
    other.stop().await;
}

#[tokio::test]
async fn a_folder_with_too_long_a_path_is_refused_by_name() {
    let folder = folder();
    let long = folder.path().join("x".repeat(100));
    let error = Cluster::start(ClusterConfig::new(&long, 0, passwords()))
        .await
        .expect_err("too long");
    assert!(matches!(error, Error::SocketPathTooLong { .. }), "{error}");
    assert!(!long.exists(), "nothing was made");
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let folder = folder();
    let mut config = ClusterConfig::throw_away(folder.path(), 0, passwords());
    config.settings.push(("shared_buffers".into(), "lots".into()));
    let error = Cluster::start(config).await.expect_err("a bad setting").to_string();
    assert!(error.contains("shared_buffers"), "{error}");
}

/// A postmaster that was killed leaves a pid file that says `ready`.
#[tokio::test]
async fn a_node_whose_postmaster_was_killed_answers_once_it_is_started_again() {
    let folder = folder();
    let config = ClusterConfig::new(folder.path(), 1, passwords());
    let cluster = Cluster::start(config).await.expect("starts");
    let replica = cluster.nodes().remove(1);
    let pid = || {
        let lock = format!("{}/.s.PGSQL.{}.lock", replica.host, replica.port);
        let text = std::fs::read_to_string(lock).expect("a lock file");
        text.lines().next().expect("a pid").to_owned()
    };
    let before = pid();
    let killed = Command::new("kill")
        .args(["-KILL", &before])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    assert_eq!(cluster.died().await, "pg-2");
    cluster.start_node("pg-2").await.expect("starts again");
    assert_ne!(pid(), before);
    assert_eq!(ask(&cluster, "pg-2", "select 1").await, "1");
    cluster.stop().await;
}
