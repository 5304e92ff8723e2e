//! Ports that somebody asked for are tried before anything starts: the error
//! comes at once and names the flag.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use super::Error;

/// The address of the second balancer in the zone files. On Linux every address that begins with 127. is this machine.
pub(super) const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn failed(protocol: &'static str, addr: SocketAddr, flag: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    let (ip, port) = (addr.ip(), addr.port());
    move |source| match source.kind() {
        ErrorKind::AddrInUse => Error::PortInUse {
            protocol,
            ip,
            port,
            flag,
        },
        _ => Error::Port {
            protocol,
            ip,
            port,
            flag,
            source,
        },
    }
}

/// Whether a TCP port can be had; 0 always can.
pub(super) fn tcp(addr: SocketAddr, flag: &'static str) -> Result<(), Error> {
    TcpListener::bind(addr).map(drop).map_err(failed("TCP", addr, flag))
}

/// Whether a UDP port can be had.
pub(super) fn udp(addr: SocketAddr, flag: &'static str) -> Result<(), Error> {
    UdpSocket::bind(addr).map(drop).map_err(failed("UDP", addr, flag))
}

/// The address of a port on this machine.
pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Where the second balancer listens for a port of the first: on an address of its own, or, where there is none, on
/// the next port.
pub(super) fn second(port: u16) -> SocketAddr {
    if cfg!(target_os = "linux") {
        SocketAddr::new(SECOND, port)
    } else {
        let next = if port == 0 { 0 } else { port.checked_add(1).unwrap_or(0) };
        loopback(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_its_flag() {
        let held = TcpListener::bind(loopback(0)).expect("a port");
        let port = held.local_addr().expect("an address").port();
        let error = tcp(loopback(port), "--http-port").expect_err("in use").to_string();
        assert!(
            error.contains(&format!("TCP port {port} of 127.0.0.1 is in use")),
            "{error}"
        );
        assert!(error.contains("--http-port"), "{error}");
        tcp(loopback(0), "--http-port").expect("any");
        udp(loopback(0), "--dns-port").expect("any");
        tcp(second(0), "--http-port").expect("any");
    }

    #[test]
    fn the_balancers_never_ask_for_the_same_address() {
        for port in [1, 8080, u16::MAX] {
            assert_ne!(second(port), loopback(port));
        }
    }
}
