//! The configuration files that the services are started with.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use toml::Value;

use super::Error;
use super::layout::Layout;
use super::ports::SECOND;
use super::state::write_whole;

/// How long a service may drain, milliseconds. On one machine nobody needs longer.
pub(super) const DRAIN_MS: u64 = 5_000;
/// How long an app server says on its health path that it will go before it does,
/// milliseconds: the balancer asks every second.
const DRAIN_NOTICE_MS: u64 = 1_500;

/// The zones of the repository: names work wherever `up` is run.
const ZONES: [(&str, &str); 2] = [
    (
        "radiodeck.si",
        include_str!("../../../../config/zones/radiodeck.si.zone"),
    ),
    (
        "radiodeck.localhost",
        include_str!("../../../../config/zones/radiodeck.localhost.zone"),
    ),
];

/// The balancers' port in those files.
const ZONES_PORT: u16 = 8080;

const HEAD: &str = "# Written by `radiodeck up` at each start: changes here are lost.\n";

/// An import works through a few connections, and its statements may take their time.
const OWNER: &str = "statement_timeout_ms = 60000\nmax_connections_per_node = 4\n";

/// Text as a TOML string.
fn quoted(text: impl ToString) -> String {
    Value::String(text.to_string()).to_string()
}

fn path(path: &Path) -> String {
    quoted(path.display())
}

fn service(admin: SocketAddr) -> String {
    format!(
        "[service]\nadmin_listen = {}\ndrain_deadline_ms = {DRAIN_MS}\n",
        quoted(admin)
    )
}

fn database(user: &str, password_file: &Path, more: &str, nodes: &[postgres::Node]) -> String {
    let mut text = format!(
        "[database]\nuser = {}\npassword_file = {}\n{more}",
        quoted(user),
        path(password_file)
    );
    for node in nodes {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[[database.nodes]]\nname = {}\nhost = {}\nport = {}\n",
            quoted(&node.name),
            quoted(&node.host),
            node.port
        );
    }
    text
}

/// Configuration of an app server.
pub(super) fn app(
    layout: &Layout,
    name: &str,
    listen: SocketAddr,
    admin: SocketAddr,
    nodes: &[postgres::Node],
) -> String {
    let secrets = layout.secrets().join("app");
    format!(
        "{HEAD}listen = {}\ninstance = {}\nsigning_key_file = {}\ndrain_notice_ms = {DRAIN_NOTICE_MS}\n{}{}",
        quoted(listen),
        quoted(name),
        path(&secrets.join("signing_key")),
        service(admin),
        database("radiodeck_app", &secrets.join("app_password"), "", nodes)
    )
}

/// Where a balancer listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doors {
    pub(super) http: SocketAddr,
    pub(super) https: SocketAddr,
    pub(super) admin: SocketAddr,
}

/// Configuration of a balancer.
pub(super) fn lb(layout: &Layout, doors: &Doors, apps: &[SocketAddr]) -> String {
    let servers: Vec<_> = apps.iter().map(quoted).collect();
    format!(
        "{HEAD}listen = {}\n{}[tls]\nlisten = {}\nlocal_ca = {}\n[[pools]]\nname = \"app\"\nservers = [{}]\n",
        quoted(doors.http),
        service(doors.admin),
        quoted(doors.https),
        path(&layout.tls()),
        servers.join(", ")
    )
}

/// Configuration of `radiodeck import` and `radiodeck migrate`.
pub(super) fn owner(layout: &Layout, nodes: &[postgres::Node]) -> String {
    let password = layout.secrets().join("owner/owner_password");
    format!("{HEAD}{}", database("radiodeck_owner", &password, OWNER, nodes))
}

/// Configuration of the name server for these balancers; writes its zone files.
pub(super) fn dns(
    layout: &Layout,
    listen: SocketAddr,
    admin: SocketAddr,
    balancers: &[Doors],
) -> Result<String, Error> {
    let http: Vec<_> = balancers.iter().map(|doors| doors.http).collect();
    let mut zones = String::new();
    for (origin, text) in ZONES {
        let file = layout.zones().join(format!("{origin}.zone"));
        write(&file, &zone_for(text, &http))?;
        // Writing to a String cannot fail.
        let _ = write!(
            zones,
            "[[zones]]\norigin = {}\nfile = {}\n",
            quoted(origin),
            path(&file)
        );
    }
    Ok(format!(
        "{HEAD}listen = [{}]\n{}{zones}{}",
        quoted(listen),
        service(admin),
        steering(&http)
    ))
}

/// Only balancers that live are given out. Two on one address cannot be told apart by a name.
fn steering(balancers: &[SocketAddr]) -> String {
    let names: Vec<_> = ZONES
        .iter()
        .flat_map(|(origin, _)| ["", "www.", "api.", "*."].map(|label| quoted(format!("{label}{origin}"))))
        .collect();
    let mut text = format!("[steering]\nnames = [{}]\n", names.join(", "));
    let shared = |at: usize| balancers[..at].iter().any(|other| other.ip() == balancers[at].ip());
    for (_, balancer) in balancers.iter().enumerate().filter(|(at, _)| !shared(*at)) {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[[steering.targets]]\naddress = {}\nprobe = {}\n",
            quoted(balancer.ip()),
            quoted(balancer)
        );
    }
    text
}

/// The zone for these balancers: with the first one's port in the record by which radio clients find the API (SRV, RFC
/// 2782), and without the second one's address where it has none of its own.
fn zone_for(zone: &str, balancers: &[SocketAddr]) -> String {
    let port = balancers.first().map_or(ZONES_PORT, SocketAddr::port);
    let has_second = balancers.iter().any(|balancer| balancer.ip() == SECOND);
    let lines = zone.lines().filter(|line| has_second || !leads_to(line, SECOND));
    let lines = lines.map(|line| {
        if line.contains(" SRV ") {
            line.replace(&format!(" {ZONES_PORT} "), &format!(" {port} "))
        } else {
            line.to_owned()
        }
    });
    lines.map(|line| line + "\n").collect()
}

/// Whether a line of a zone file is a record with this address.
fn leads_to(line: &str, ip: IpAddr) -> bool {
    let record = line.split(';').next().unwrap_or_default();
    record.split_whitespace().last() == Some(ip.to_string().as_str())
}

/// Writes one whole.
pub(super) fn write(file: &Path, text: &str) -> Result<(), Error> {
    write_whole(file, text).map_err(|source| Error::Folder {
        path: file.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> Vec<postgres::Node> {
        vec![postgres::Node {
            name: "pg-1".into(),
            host: "/data \"x\"/pg-1/socket".into(),
            port: 5432,
        }]
    }

    #[test]
    fn the_owner_configuration_is_what_import_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::find(Some(folder.path())).expect("found");
        layout.make().expect("made");
        write(&layout.owner_config(), &owner(&layout, &nodes())).expect("written");
        let config = crate::config::load(&layout.owner_config()).expect("valid");
        assert_eq!(config.database.user, "radiodeck_owner");
        assert_eq!(config.database.nodes[0].host, nodes()[0].host);
    }

    #[test]
    fn the_service_record_follows_the_port_of_the_first_balancer() {
        let second = SocketAddr::new(SECOND, 8765);
        for (origin, zone) in ZONES {
            let same = [([127, 0, 0, 1], ZONES_PORT).into(), second];
            assert_eq!(zone_for(zone, &same), zone, "{origin}");
            let moved = zone_for(zone, &[([127, 0, 0, 1], 4321).into(), second]);
            assert_eq!(
                moved.matches(" 4321 ").count(),
                zone.matches(" 8080 ").count(),
                "{moved}"
            );
            assert!(!moved.contains(" 8080 "), "{moved}");
        }
    }

    #[test]
    fn names_lead_to_the_second_balancer_only_where_it_has_an_address() {
        let records = |zone: &str| zone.lines().filter(|line| leads_to(line, SECOND)).count();
        for (origin, zone) in ZONES {
            assert_eq!(records(zone), 4, "{origin}");
            let one = zone_for(zone, &[([127, 0, 0, 1], 8080).into(), ([127, 0, 0, 1], 8081).into()]);
            assert_eq!(records(&one), 0, "{one}");
            assert_eq!(one.lines().count() + 4, zone.lines().count(), "{one}");
        }
    }

    #[test]
    fn generated_files_are_toml_with_the_values_in_their_places() {
        let layout = Layout::find(Some(Path::new("/data"))).expect("found");
        let addr = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let read = |text: String| text.parse::<toml::Table>().expect("toml");
        let app = read(app(&layout, "app-1", addr(1), addr(2), &nodes()));
        assert_eq!(app["listen"].as_str(), Some("127.0.0.1:1"));
        assert_eq!(app["service"]["admin_listen"].as_str(), Some("127.0.0.1:2"));
        assert_eq!(app["database"]["nodes"][0]["name"].as_str(), Some("pg-1"));
        let doors = Doors {
            http: addr(8080),
            https: addr(8443),
            admin: addr(0),
        };
        let lb = read(lb(&layout, &doors, &[addr(1), addr(2)]));
        assert_eq!(lb["tls"]["listen"].as_str(), Some("127.0.0.1:8443"));
        assert_eq!(lb["tls"]["local_ca"].as_str(), Some("/data/tls"));
        assert_eq!(lb["pools"][0]["servers"][1].as_str(), Some("127.0.0.1:2"));
    }
}
