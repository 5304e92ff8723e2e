//! Ports that somebody asked for are tried before anything starts: the error
//! comes at once and names the flag.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use super::Error;

fn failed(protocol: &'static str, port: u16, flag: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| match source.kind() {
        ErrorKind::AddrInUse => Error::PortInUse { protocol, port, flag },
        _ => Error::Port {
            protocol,
            port,
            flag,
            source,
        },
    }
}

/// Whether a TCP port of 127.0.0.1 can be had; 0 always can.
pub(super) fn tcp(port: u16, flag: &'static str) -> Result<(), Error> {
    TcpListener::bind(loopback(port))
        .map(drop)
        .map_err(failed("TCP", port, flag))
}

/// Whether a UDP port can be had.
pub(super) fn udp(port: u16, flag: &'static str) -> Result<(), Error> {
    UdpSocket::bind(loopback(port))
        .map(drop)
        .map_err(failed("UDP", port, flag))
}

/// The address of a port on this machine.
pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_flag() {
        let held = TcpListener::bind(loopback(0)).expect("a port");
        let port = held.local_addr().expect("an address").port();
        let error = tcp(port, "--http-port").expect_err("in use").to_string();
        assert!(
            error.contains(&format!("TCP port {port} of 127.0.0.1 is in use")),
            "{error}"
        );
        assert!(error.contains("--http-port"), "{error}");
        tcp(0, "--http-port").expect("any");
        udp(0, "--dns-port").expect("any");
    }
}
