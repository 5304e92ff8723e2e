//! Word to the service manager, by the protocol of sd_notify(3): that this
//! process is ready, that it ends, and which one goes on in its place. Without
//! the last one, systemd would end a successor with the process it came from.

use std::env;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use tracing::warn;

/// Tells the manager, if there is one that listens. `state` is such as `READY=1`.
pub(crate) fn notify(state: &str) {
    let Some(address) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let send = || {
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not stop what it manages.
        socket.set_nonblocking(true)?;
        match address.as_encoded_bytes() {
            [b'@', name @ ..] => socket.send_to_addr(state.as_bytes(), &in_no_folder(name)?),
            _ => socket.send_to(state.as_bytes(), Path::new(&address)),
        }
    };
    if let Err(error) = send() {
        warn!(%error, state, "the service manager cannot be told");
    }
}

#[cfg(target_os = "linux")]
fn in_no_folder(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn in_no_folder(_name: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}
