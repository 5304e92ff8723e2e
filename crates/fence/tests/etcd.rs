//! The client against a real etcd. Where none is installed these tests pass and say loudly
//! that nothing was tested.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fence::{Change, Client, Guard};
use tempfile::TempDir;

const FOLDER: &str = "/service/test/";
const OTHER: &str = "/other/";

/// How long etcd may take to answer for the first time.
const START: Duration = Duration::from_secs(60);

/// A cluster of one member, gone when dropped.
struct Etcd {
    process: Child,
    address: String,
    _data: TempDir,
}

impl Etcd {
    /// etcd cannot be asked for a free port, so each member has a loopback address of its own.
    fn start(number: u8) -> Option<Self> {
        let installed = Command::new("etcd").arg("--version").stdout(Stdio::null()).status();
        if installed.is_err() {
            eprintln!("SKIPPED: etcd is not installed (apt-get install etcd-server); its client was NOT tested");
            return None;
        }
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let address = format!("127.{}.{high}.{low}", 100 + number);
        let data = TempDir::new().expect("a folder");
        let (clients, peers) = (format!("http://{address}:2379"), format!("http://{address}:2380"));
        let process = Command::new("etcd")
            .args(["--name", "only", "--data-dir"])
            .arg(data.path())
            .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &format!("only={peers}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd starts");
        Some(Self {
            process,
            address,
            _data: data,
        })
    }

    async fn client(&self) -> Client {
        // Nothing listens on the first one: whoever does not answer is passed over.
        let endpoints = [1, 2379].map(|port| format!("http://{}:{port}", self.address).parse().expect("a URI"));
        let client = Client::new(endpoints.into(), Duration::from_secs(5));
        let started = Instant::now();
        while let Err(error) = client.snapshot([FOLDER, OTHER]).await {
            assert!(started.elapsed() < START, "etcd does not answer: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        client
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn put(name: &str, value: &str) -> Change {
    Change::Put(format!("{FOLDER}{name}"), value.into())
}

#[tokio::test]
async fn a_transaction_whose_guards_do_not_all_hold_changes_nothing() {
    let Some(etcd) = Etcd::start(1) else { return };
    let client = etcd.client().await;
    assert!(client.transact(&[], &[put("leader", "pg-1")]).await.expect("an answer"));
    let [keys, _] = client.snapshot([FOLDER, OTHER]).await.expect("an answer");
    let seen = Guard::Unchanged(format!("{FOLDER}leader"), keys["leader"].revision);
    let held = Guard::Holds(format!("{FOLDER}leader"), "pg-1".into());
    let missing = Guard::Holds(format!("{OTHER}pg-2"), "7".into());
    let delete = [Change::Delete(format!("{FOLDER}leader"))];

    assert!(
        !client
            .transact(&[seen.clone(), missing], &delete)
            .await
            .expect("an answer")
    );
    assert!(
        client
            .transact(&[seen.clone(), held], &[put("leader", "pg-1")])
            .await
            .expect("an answer")
    );
    assert!(
        !client.transact(&[seen], &delete).await.expect("an answer"),
        "written again since"
    );
    let [keys, _] = client.snapshot([FOLDER, OTHER]).await.expect("an answer");
    assert_eq!(keys["leader"].value, "pg-1");
}

#[tokio::test]
async fn a_key_on_a_lease_is_gone_with_it() {
    let Some(etcd) = Etcd::start(2) else { return };
    let client = etcd.client().await;
    client.put_for("/other/pg-2", "7", 60).await.expect("an answer");
    let [_, keys] = client.snapshot([FOLDER, OTHER]).await.expect("an answer");
    assert_eq!(keys["pg-2"].value, "7");
    client.revoke(keys["pg-2"].lease).await.expect("an answer");
    let [_, keys] = client.snapshot([FOLDER, OTHER]).await.expect("an answer");
    assert!(keys.is_empty());
}

#[tokio::test]
async fn folders_whose_names_begin_alike_are_told_apart() {
    let Some(etcd) = Etcd::start(3) else { return };
    let client = etcd.client().await;
    let neighbour = Change::Put("/service/test2/leader".into(), "pg-9".into());
    assert!(
        client
            .transact(&[], &[put("leader", ""), neighbour])
            .await
            .expect("an answer")
    );
    let [keys, _] = client.snapshot([FOLDER, OTHER]).await.expect("an answer");
    assert_eq!(keys.len(), 1);
    assert_eq!(keys["leader"].value, "");
}
