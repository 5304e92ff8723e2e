//! What each proxy is told: one worker, kept connections on both sides, no log of
//! requests, and otherwise what it does by itself.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use super::certificate::Certificate;
use super::peers::Kind;

/// Connections to servers that are kept while nobody uses them: more than any load opens, so that nobody
/// has to open them anew. HAProxy keeps all by itself.
const KEPT: usize = 1_024;

/// What a proxy shall do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup<'a> {
    /// Threads or processes that serve; 0 is one a core.
    pub(super) workers: usize,
    pub(super) servers: &'a [SocketAddr],
    pub(super) certificate: Option<&'a Certificate>,
    /// Connections that one address may have, where ours counts them; 0 is any number.
    pub(super) per_address: usize,
}

/// Where it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) http: SocketAddr,
    pub(super) https: SocketAddr,
}

/// The configuration of a `kind`; nginx keeps files of its own in `folder`.
pub(super) fn render(kind: Kind, setup: &Setup, at: Addresses, folder: &Path) -> String {
    match kind {
        Kind::Ours => ours(setup, at),
        Kind::Nginx => nginx(setup, at, folder),
        Kind::Haproxy => haproxy(setup, at),
    }
}

fn ours(setup: &Setup, at: Addresses) -> String {
    let servers: Vec<_> = setup.servers.iter().map(|server| format!("\"{server}\"")).collect();
    let mut text = format!(
        "listen = \"{}\"\nworkers = {}\ndrain_notice_ms = 0\n\n\
         [service]\nadmin_listen = \"127.0.0.1:0\"\nlog_format = \"json\"\ndrain_deadline_ms = 1000\n\n\
         [client]\nmax_connections_per_address = {}\n\n",
        at.http, setup.workers, setup.per_address
    );
    if let Some(certificate) = setup.certificate {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "[tls]\nlisten = \"{}\"\ncertificates = [{{ certificate = '{}', key = '{}' }}]\n",
            at.https,
            certificate.chain.display(),
            certificate.key.display()
        );
    }
    let _ = write!(
        text,
        "[[pools]]\nname = \"origin\"\nservers = [{}]\n\n[pools.upstream]\nmax_idle = {KEPT}\n\n\
         [[routes]]\nhost = \"*\"\npool = \"origin\"\n",
        servers.join(", ")
    );
    text
}

fn nginx(setup: &Setup, at: Addresses, folder: &Path) -> String {
    let servers: String = setup
        .servers
        .iter()
        .map(|server| format!("server {server}; "))
        .collect();
    let workers = match setup.workers {
        0 => "auto".to_owned(),
        count => count.to_string(),
    };
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("    {what}_temp_path '{folder}/nginx-{what}';\n"))
        .concat();
    let tls = setup.certificate.map_or(String::new(), |certificate| {
        format!(
            "        listen {} ssl http2 backlog=4096;\n        ssl_protocols TLSv1.2 TLSv1.3;\n        \
             ssl_certificate '{}';\n        ssl_certificate_key '{}';\n",
            at.https,
            certificate.chain.display(),
            certificate.key.display()
        )
    });
    format!(
        "daemon off;\nworker_processes {workers};\npid '{folder}/nginx.pid';\nerror_log stderr warn;\n\
         events {{\n    worker_connections 16384;\n}}\n\
         http {{\n    access_log off;\n{temporary}    \
         proxy_max_temp_file_size 0;\n    \
         keepalive_timeout 120s;\n    keepalive_requests 1000000000;\n    \
         upstream origin {{ {servers}keepalive {KEPT}; keepalive_requests 1000000000; }}\n    \
         server {{\n        listen {http} backlog=4096;\n{tls}        \
         location / {{\n            proxy_pass http://origin;\n            proxy_http_version 1.1;\n            \
         proxy_set_header Connection \"\";\n        }}\n    }}\n}}\n",
        http = at.http
    )
}

fn haproxy(setup: &Setup, at: Addresses) -> String {
    let servers: String = (1..)
        .zip(setup.servers)
        .map(|(number, server)| format!("    server origin-{number} {server}\n"))
        .collect();
    // Without a number it takes all cores.
    let threads = match setup.workers {
        0 => String::new(),
        count => format!("    nbthread {count}\n"),
    };
    let tls = setup.certificate.map_or(String::new(), |certificate| {
        format!(
            "    bind {} ssl crt {} alpn h2,http/1.1\n",
            at.https,
            certificate.both.display()
        )
    });
    // It asks for twice as many descriptors as it may have connections, and not everybody may have those.
    format!(
        "global\n{threads}    no strict-limits\n    maxconn 12000\n\
         defaults\n    mode http\n    maxconn 12000\n    timeout connect 5s\n    timeout client 120s\n    \
         timeout server 60s\n    timeout http-keep-alive 120s\n    http-reuse always\n\
         frontend clients\n    bind {http}\n{tls}    default_backend origin\n\
         backend origin\n{servers}",
        http = at.http
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        Addresses {
            http: "127.0.0.1:8080".parse().expect("an address"),
            https: "127.0.0.1:8443".parse().expect("an address"),
        }
    }

    fn rendered(kind: Kind, certificate: Option<&Certificate>) -> String {
        let servers = ["127.0.0.1:1", "127.0.0.1:2"].map(|server| server.parse().expect("an address"));
        let setup = Setup {
            workers: 1,
            servers: &servers,
            certificate,
            per_address: 0,
        };
        render(kind, &setup, addresses(), Path::new("/run/bench"))
    }

    #[test]
    fn our_configuration_is_toml_with_every_server() {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = Certificate::make(folder.path()).expect("made");
        let text = rendered(Kind::Ours, Some(&certificate));
        let config: toml::Table = text.parse().expect("TOML");
        assert_eq!(config["workers"].as_integer(), Some(1));
        let servers = config["pools"][0]["servers"].as_array().expect("servers");
        assert_eq!(servers.len(), 2);
        assert_eq!(config["tls"]["listen"].as_str(), Some("127.0.0.1:8443"));
        assert!(config["tls"]["certificates"][0]["key"].is_str());
        assert!(!rendered(Kind::Ours, None).contains("tls"));
    }

    #[test]
    fn nginx_keeps_connections_to_servers_and_its_files_in_the_folder() {
        let text = rendered(Kind::Nginx, None);
        for line in [
            "worker_processes 1;",
            "proxy_http_version 1.1;",
            "proxy_set_header Connection \"\";",
            "access_log off;",
            "server 127.0.0.1:2; ",
            "pid '/run/bench/nginx.pid';",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(!text.contains("ssl"), "{text}");
        assert_eq!(text.matches('{').count(), text.matches('}').count(), "{text}");
    }

    #[test]
    fn haproxy_has_one_thread_and_reuses_connections() {
        let text = rendered(Kind::Haproxy, None);
        for line in ["nbthread 1\n", "http-reuse always\n", "server origin-2 127.0.0.1:2\n"] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
