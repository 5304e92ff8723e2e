//! TLS 1.3 handshakes, each on a new connection, full and never resumed, and
//! nothing else on it: a client of our own, since others resume.

use std::io::{Error, Read, Result};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};

use super::certificate::{Certificate, NAME};

/// Connecting at once.
const CLIENTS: usize = 4;
const DEADLINE: Duration = Duration::from_secs(5);

/// What a client needs to know.
pub(super) fn config(certificate: &Certificate) -> std::result::Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der.clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Shakes hands with `server` for `time`, and gives how often.
pub(super) async fn run(server: SocketAddr, config: &Arc<ClientConfig>, time: Duration) -> Result<u64> {
    let end = Instant::now() + time;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let config = config.clone();
            tokio::task::spawn_blocking(move || {
                let mut done = 0;
                while Instant::now() < end {
                    shake(server, config.clone())?;
                    done += 1;
                }
                Ok::<u64, Error>(done)
            })
        })
        .collect();
    let mut done = 0;
    for client in clients {
        done += client.await??;
    }
    Ok(done)
}

fn shake(server: SocketAddr, config: Arc<ClientConfig>) -> Result<()> {
    let name = ServerName::try_from(NAME).map_err(Error::other)?;
    let mut tls = ClientConnection::new(config, name).map_err(Error::other)?;
    let mut stream = TcpStream::connect_timeout(&server, DEADLINE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut stream)?;
    }
    if tls.handshake_kind() != Some(HandshakeKind::Full) {
        return Err(Error::other("the handshake was not a full one"));
    }
    tls.send_close_notify();
    while tls.wants_write() {
        tls.write_tls(&mut stream)?;
    }
    stream.shutdown(Shutdown::Write)?;
    // The server closes when it has read all of it: closing first would reset the connection under its tickets.
    while stream.read(&mut [0; 4096])? > 0 {}
    Ok(())
}
