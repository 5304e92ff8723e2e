//! Binding sockets, with errors that name the address and its key.

use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use tracing::info;

use crate::StartError;

/// Connections that may wait to be accepted. The kernel caps it at
/// `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Listens on TCP. With `reuse_port`, several sockets of this process (one a
/// worker) may share the address, and the kernel spreads connections over them.
///
/// # Errors
/// [`StartError::Bind`] naming `key` when the address cannot be had.
pub fn bind_tcp(addr: SocketAddr, reuse_port: bool, key: &'static str) -> Result<TcpListener, StartError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        // A restarted service must not wait for the last one's TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(reuse_port)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bind().map_err(|source| StartError::Bind { addr, key, source })
}

/// Listens on UDP, see [`bind_tcp`].
///
/// # Errors
/// [`StartError::Bind`] naming `key` when the address cannot be had.
pub fn bind_udp(addr: SocketAddr, reuse_port: bool, key: &'static str) -> Result<UdpSocket, StartError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_port(reuse_port)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        UdpSocket::from_std(socket.into())
    };
    bind().map_err(|source| StartError::Bind { addr, key, source })
}

/// Says in the log where a listener is. Process managers and tests read the
/// port of a `:0` address from this line, so its form is fixed.
pub fn listening(what: &'static str, addr: SocketAddr) {
    info!(what, %addr, "listening");
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named_with_its_key_and_a_way_out() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let first = bind_tcp(any, false, "listen").expect("a free port");
        let taken = first.local_addr().expect("an address");
        let error = bind_tcp(taken, false, "listen").expect_err("in use").to_string();
        assert!(error.contains(&taken.to_string()), "{error}");
        assert!(error.contains("(listen)"), "{error}");
        assert!(error.contains("another process holds it"), "{error}");
    }

    #[tokio::test]
    async fn workers_may_share_a_port() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let first = bind_tcp(any, true, "listen").expect("a free port");
        let shared = first.local_addr().expect("an address");
        bind_tcp(shared, true, "listen").expect("shared");
    }
}
