//! Stands between the app's connections and a node, and loses one at the worst moment: at its COMMIT.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;

use crate::support::until;

/// What becomes of the next COMMIT, and of the connection after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtCommit {
    /// It is passed on like everything else.
    Pass,
    /// It is lost.
    LoseIt,
    /// It is done, and its answer is lost.
    LoseItsAnswer,
    /// Held until [`Relay::let_go`], then lost.
    Hold,
    /// Done, its answer held until [`Relay::let_go`] and then lost.
    HoldItsAnswer,
}

struct State {
    next: Mutex<AtCommit>,
    holds: AtomicBool,
    let_go: Notify,
}

/// A node's socket, at another place.
pub(crate) struct Relay {
    folder: tempfile::TempDir,
    state: Arc<State>,
}

impl Relay {
    /// In front of the node whose socket is in `folder`.
    pub(crate) fn start(node: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("rd-relay-")
            .tempdir()
            .expect("a folder");
        let listener = UnixListener::bind(socket(folder.path())).expect("a socket");
        let state = Arc::new(State {
            next: Mutex::new(AtCommit::Pass),
            holds: AtomicBool::new(false),
            let_go: Notify::new(),
        });
        let (node, shared) = (socket(Path::new(node)), state.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A node that is not there closes the client's connection.
                if let Ok(server) = UnixStream::connect(&node).await {
                    tokio::spawn(pass(client, server, shared.clone()));
                }
            }
        });
        Self { folder, state }
    }

    pub(crate) fn host(&self) -> String {
        self.folder.path().display().to_string()
    }

    pub(crate) fn at_next_commit(&self, what: AtCommit) {
        *self.state.next.lock().expect("no panic") = what;
    }

    pub(crate) async fn holds(&self) {
        until("a COMMIT is held", async || self.state.holds.load(Ordering::Relaxed)).await;
    }

    pub(crate) fn let_go(&self) {
        self.state.let_go.notify_one();
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join(".s.PGSQL.5432")
}

/// Ends, and with it the connection, when either side does or a COMMIT is to be lost.
async fn pass(mut client: UnixStream, mut server: UnixStream, state: Arc<State>) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Some(sent) = read.ok().filter(|read| *read > 0).map(|read| &up[..read]) else { return };
                if sent.windows(7).any(|window| window == b"commit;") {
                    let what = std::mem::replace(&mut *state.next.lock().expect("no panic"), AtCommit::Pass);
                    if matches!(what, AtCommit::LoseItsAnswer | AtCommit::HoldItsAnswer) {
                        server.write_all(sent).await.expect("the node takes it");
                        let _answer = server.read(&mut down).await;
                    }
                    if matches!(what, AtCommit::Hold | AtCommit::HoldItsAnswer) {
                        state.holds.store(true, Ordering::Relaxed);
                        state.let_go.notified().await;
                    }
                    if what != AtCommit::Pass {
                        return;
                    }
                }
                if server.write_all(sent).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let Some(sent) = read.ok().filter(|read| *read > 0).map(|read| &down[..read]) else { return };
                if client.write_all(sent).await.is_err() { return }
            }
        }
    }
}
