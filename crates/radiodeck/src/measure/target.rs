//! Where load may go: to this machine, and nowhere else.

use std::net::SocketAddr;

use super::Error;

/// Refuses every address that is not on the loopback interface. The generator
/// sends as much as it is told to; it must not become a weapon by a typo.
pub(crate) fn loopback(target: SocketAddr) -> Result<SocketAddr, Error> {
    if target.ip().to_canonical().is_loopback() {
        Ok(target)
    } else {
        Err(Error::NotLoopback {
            target: target.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_on_another_machine_is_refused() {
        for allowed in ["127.0.0.1:8080", "127.0.0.2:80", "[::1]:8080", "[::ffff:127.0.0.1]:80"] {
            loopback(allowed.parse().expect("an address")).expect("loopback");
        }
        for refused in [
            "192.168.1.1:80",
            "0.0.0.0:8080",
            "[2001:db8::1]:80",
            "[::ffff:10.0.0.1]:80",
        ] {
            let error = loopback(refused.parse().expect("an address")).expect_err("refused");
            assert!(error.to_string().contains("this machine only"), "{error}");
        }
    }
}
