//! The real compose stack as a second copy beside any other: a project name, a
//! private network and published ports of its own, removed with its volumes at the
//! end.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::binaries::repository;
use crate::docker::{self, Said};
use crate::scenarios::{Balancer, Doors};
use crate::tls::Browser;

/// Project name of the copy: nothing else is ever stopped or removed.
const PROJECT: &str = "radiodeck-e2e";
/// Apart from the network of a stack that `make up` runs.
const BACKEND_PREFIX: &str = "172.30.79";

/// A build from nothing compiles every dependency with optimisation: ten minutes on two busy cores.
const BUILD_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Longer than the longest that any other command is given: `up` waits for 300 s.
const COMMAND_DEADLINE: Duration = Duration::from_secs(360);

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
        build();
        let up = compose(&["up", "--detach", "--no-build", "--wait", "--wait-timeout", "300"]);
        if !up.success {
            let containers = compose(&["ps", "--all"]);
            let logs = compose(&["logs", "--no-color", "--tail", "80"]);
            compose(&["down", "--volumes", "--timeout", "5"]);
            panic!(
                "docker compose up:\n{}\n{}\n{}",
                up.text(),
                containers.text(),
                logs.text()
            );
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
        let said = compose(arguments);
        assert!(said.success, "docker compose {arguments:?}:\n{}", said.text());
        said.stdout
    }

    /// The same for a command that may fail: `None` then.
    pub fn try_run(&self, arguments: &[&str]) -> Option<String> {
        let said = compose(arguments);
        said.success.then_some(said.stdout)
    }

    /// Runs `docker` with `arguments`, for containers named by id.
    ///
    /// # Panics
    /// When it fails, with all that it said.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let said = docker::run(Command::new("docker").args(arguments), COMMAND_DEADLINE);
        assert!(said.success, "docker {arguments:?}:\n{}", said.text());
        said.stdout
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!(
                "--- docker compose ps ---\n{}\n--- docker compose logs ---\n{}",
                compose(&["ps", "--all"]).text(),
                compose(&["logs", "--no-color", "--tail", "60"]).text()
            );
        }
        compose(&["down", "--volumes", "--remove-orphans", "--timeout", "10"]);
    }
}

/// Builds the images one after the other, with the output shown: the first of them compiles for all, and a build that
/// hangs shows where.
fn build() {
    for service in ["init", "dns", "lb-1", "app", "etcd-1", "pg-1"] {
        let mut command = command(&["--progress", "plain", "build", service]);
        docker::show(&mut command, BUILD_DEADLINE).unwrap_or_else(|error| panic!("{error}"));
    }
}

fn compose(arguments: &[&str]) -> Said {
    docker::run(&mut command(arguments), COMMAND_DEADLINE)
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command
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
        .env("RADIODECK_DNS_PORT", "0");
    command
}

fn published(service: &str, port: &str, protocol: &str) -> SocketAddr {
    let said = compose(&["port", "--protocol", protocol, service, port]);
    lines(&said)
        .first()
        .and_then(|line| line.parse().ok())
        .unwrap_or_else(|| panic!("no published port of {service}: {}", said.text()))
}

fn lines(said: &Said) -> Vec<String> {
    said.stdout.lines().map(str::to_owned).collect()
}
