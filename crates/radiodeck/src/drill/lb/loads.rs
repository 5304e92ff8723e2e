//! The load: each request asks for a path of its own, so that who has seen it and
//! whose answer it got can be told.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use crate::measure::load::{Plan, Target};

/// Requests a second.
pub(super) const PER_SECOND: u32 = 500;
/// What a POST sends.
const BODY: Bytes = Bytes::from_static(&[b'x'; 500]);

/// How long loads are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How often every server is killed.
    pub(super) rounds: usize,
    /// How long a load goes on with a fault.
    pub(super) faulty: Duration,
    /// When a client gives up.
    pub(super) deadline: Duration,
}

/// What the request `number` asks for.
pub(super) fn path(number: usize) -> String {
    format!("/{number}")
}

/// A load of `length` with no path twice.
pub(super) fn plan(http: SocketAddr, method: &Method, length: Duration, deadline: Duration) -> Plan {
    let total = (length.as_secs_f64() * f64::from(PER_SECOND)).ceil() as usize;
    let target = |number| {
        let path = path(number);
        let target = match *method {
            Method::POST => Target::post("drill", &path, BODY),
            _ => Target::get("drill", &path),
        };
        target.expecting(path.into())
    };
    Plan {
        addr: http,
        targets: (0..total.max(1)).map(target).collect(),
        per_second: PER_SECOND,
        duration: length,
        deadline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_requests_ask_for_the_same() {
        let http = "127.0.0.1:1".parse().expect("an address");
        let length = Duration::from_millis(1500);
        for method in [Method::GET, Method::POST] {
            let plan = plan(http, &method, length, length);
            assert_eq!(plan.targets.len(), 750);
            assert_eq!(plan.targets[749].path, path(749));
            assert!(plan.targets.iter().all(|target| target.method == method));
        }
    }
}
