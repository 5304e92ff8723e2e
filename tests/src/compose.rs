//! The real compose stack as a second copy beside any other: a project name, a
//! private network and published ports of its own, removed with its volumes at the
//! end.

use std::net::SocketAddr;
use std::process::{Command, Output};

use crate::binaries::repository;
use crate::scenarios::{Balancer, Doors};
use crate::tls::Browser;

/// Project name of the copy: nothing else is ever stopped or removed.
const PROJECT: &str = "radiodeck-e2e";
/// Apart from the network of a stack that `make up` runs.
const BACKEND_PREFIX: &str = "172.30.79";

/// As `make up` has it.
const LB2_ADDRESS: &str = if cfg!(target_os = "linux") {
    "127.0.0.2"
} else {
    "127.0.0.1"
};

/// A compose stack that runs.
pub struct Compose {
    /// Where the first balancer is published.
    pub http: SocketAddr,
    /// Where both are.
    pub balancers: [Balancer; 2],
    /// Where the name server is published over UDP.
    pub dns_udp: SocketAddr,
    /// Where the name server is published over TCP.
    pub dns_tcp: SocketAddr,
}

impl Compose {
    /// Builds the images, starts everything and waits until it is healthy.
    ///
    /// # Panics
    /// With the logs of every container, when it does not come up.
    pub fn up() -> Self {
        // What an interrupted run left behind.
        compose(&["down", "--volumes", "--remove-orphans", "--timeout", "5"]);
        let output = compose(&["up", "--detach", "--build", "--wait", "--wait-timeout", "300"]);
        if !output.status.success() {
            let logs = compose(&["logs", "--no-color", "--tail", "80"]);
            compose(&["down", "--volumes", "--timeout", "5"]);
            panic!("docker compose up:\n{}\n{}", text(&output), text(&logs));
        }
        // From here on the drop removes it, also when an address cannot be read.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut stack = Self {
            http: unknown,
            balancers: [Balancer {
                http: unknown,
                https: unknown,
            }; 2],
            dns_udp: unknown,
            dns_tcp: unknown,
        };
        stack.balancers = ["lb-1", "lb-2"].map(Self::balancer);
        stack.http = stack.balancers[0].http;
        stack.dns_udp = published("dns", "5300", "udp");
        stack.dns_tcp = published("dns", "5300", "tcp");
        stack
    }

    /// Where a balancer is published now: a port that Docker chose changes with each start.
    ///
    /// # Panics
    /// When it is not.
    pub fn balancer(service: &str) -> Balancer {
        Balancer {
            http: published(service, "8080", "tcp"),
            https: published(service, "8443", "tcp"),
        }
    }

    /// Its front doors.
    pub fn doors(&self) -> Doors {
        Doors {
            balancers: self.balancers,
            dns_udp: self.dns_udp,
            dns_tcp: self.dns_tcp,
        }
    }

    /// A browser that trusts the stack's own authority.
    pub fn browser(&self) -> Browser {
        let ca = self.run(&["exec", "-T", "lb-1", "cat", "/var/lib/radiodeck/tls/ca.pem"]);
        Browser::that_trusts(&ca)
    }

    /// Ids of the containers of `service`, running ones only.
    pub fn containers(&self, service: &str) -> Vec<String> {
        lines(&compose(&["ps", "--quiet", service]))
    }

    /// Runs `docker compose` with `arguments`.
    ///
    /// # Panics
    /// When it fails, with all that it said.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = compose(arguments);
        assert!(
            output.status.success(),
            "docker compose {arguments:?}:\n{}",
            text(&output)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `docker` with `arguments`, for containers named by id.
    ///
    /// # Panics
    /// When it fails, with all that it said.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let output = Command::new("docker").args(arguments).output().expect("docker runs");
        assert!(output.status.success(), "docker {arguments:?}:\n{}", text(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!(
                "--- docker compose ps ---\n{}\n--- docker compose logs ---\n{}",
                text(&compose(&["ps", "--all"])),
                text(&compose(&["logs", "--no-color", "--tail", "60"]))
            );
        }
        compose(&["down", "--volumes", "--remove-orphans", "--timeout", "10"]);
    }
}

fn compose(arguments: &[&str]) -> Output {
    Command::new("docker")
        .arg("compose")
        .args(arguments)
        .current_dir(repository())
        .env("COMPOSE_PROJECT_NAME", PROJECT)
        .env("RADIODECK_BACKEND_PREFIX", BACKEND_PREFIX)
        .env("RADIODECK_HTTP_PORT", "0")
        .env("RADIODECK_HTTPS_PORT", "0")
        .env("RADIODECK_LB2_ADDRESS", LB2_ADDRESS)
        .env("RADIODECK_LB2_HTTP_PORT", "0")
        .env("RADIODECK_LB2_HTTPS_PORT", "0")
        .env("RADIODECK_DNS_PORT", "0")
        .output()
        .expect("docker compose runs")
}

fn published(service: &str, port: &str, protocol: &str) -> SocketAddr {
    let output = compose(&["port", "--protocol", protocol, service, port]);
    lines(&output)
        .first()
        .and_then(|line| line.parse().ok())
        .unwrap_or_else(|| panic!("no published port of {service}: {}", text(&output)))
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
