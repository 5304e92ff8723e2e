//! An app server in this process, on port 0, over a real Postgres with the
//! starter catalogue and some stations that only tests have.
//!
//! [`deck`] is shared, since a cluster takes seconds to make. A test that breaks
//! things makes a [`Deck`] of its own; one that needs no database uses
//! [`without_database`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use app::{App, AppConfig, Limits};
use bytes::Bytes;
use catalog::{Database, DatabaseConfig, NodeConfig};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use postgres::{Cluster, ClusterConfig, Passwords};
use serde_json::json;
use service::{Context, Service, ServiceSettings, Shutdown};

/// Nothing that a test waits for takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// The starter catalogue of the repository.
pub(crate) const STARTER: &str = include_str!("../../../../data/starter.ndjson");
/// A station whose text attacks pages and documents.
pub(crate) const HOSTILE: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const HOSTILE_NAME: &str = "\"'><script>alert(1)</script>&amp; ]]>";
/// A station whose name holds what XML cannot.
pub(crate) const ODD: &str = "aaaaaaaa-0000-4000-8000-000000000002";
pub(crate) const ODD_NAME: &str = "\u{1}Odd\u{7} \u{202e}\u{5e8} \u{1f600} 100%_";
/// A station whose last check failed.
pub(crate) const BROKEN: &str = "aaaaaaaa-0000-4000-8000-000000000003";
/// A station with every field.
pub(crate) const COMPLETE: &str = "aaaaaaaa-0000-4000-8000-000000000004";
/// More stations than two batches of a list.
pub(crate) const FILLERS: usize = 1_300;
/// Name of the instance, as answers show it.
pub(crate) const INSTANCE: &str = "app-under-test";

/// An app server and its database.
pub(crate) struct Deck {
    pub(crate) address: SocketAddr,
    pub(crate) cluster: Cluster,
    /// A handle of the test's own, to look at what the app server wrote.
    pub(crate) database: Database,
    _folder: tempfile::TempDir,
}

/// The app server that tests share.
pub(crate) fn deck() -> &'static Deck {
    static DECK: OnceLock<Deck> = OnceLock::new();
    DECK.get_or_init(|| {
        // A runtime of its own: those of the tests end with each test.
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                sender.send(Deck::start(0).await).expect("somebody waits");
                std::future::pending::<()>().await;
            });
        });
        receiver.recv_timeout(DEADLINE * 2).expect("the app server starts")
    })
}

/// Stations that only tests have: hostile, broken, complete, and many.
fn rows() -> String {
    let mut rows = format!("{STARTER}\n");
    for row in [
        json!({
            "stationuuid": HOSTILE, "name": HOSTILE_NAME, "url": "https://hostile.example/stream",
            "homepage": "https://hostile.example/?a=1&b=\"><script>", "tags": "</p><b>,jazz", "country": "Testland",
            "countrycode": "TL", "state": "<i>North</i>", "language": "testish", "codec": "MP3", "bitrate": 128,
        }),
        json!({
            "stationuuid": ODD, "name": ODD_NAME, "url": "http://odd.example/", "country": "Testland",
            "countrycode": "TL", "state": "South", "language": "testish", "tags": "100%,a_b",
        }),
        json!({
            "stationuuid": BROKEN, "name": "Silent FM", "url": "http://silent.example/", "lastcheckok": 0,
            "country": "Testland", "countrycode": "TL",
        }),
        json!({
            "stationuuid": COMPLETE, "changeuuid": "647c930b-ba03-4723-8807-496e548fea45",
            "serveruuid": "629e3689-1876-437e-8177-f4e9c5713082", "name": "Complete Radio",
            "url": "http://complete.example/listen.pls", "url_resolved": "http://complete.example/stream",
            "homepage": "https://complete.example/", "favicon": "https://complete.example/logo.png",
            "tags": "classical,jazz", "country": "Slovenia", "countrycode": "SI", "iso_3166_2": "SI-061",
            "state": "Ljubljana", "language": "slovenian", "languagecodes": "sl", "votes": 99,
            "lastchangetime_iso8601": "2024-12-09T17:24:25Z", "codec": "MP3", "bitrate": 192, "hls": 0,
            "lastcheckok": 1, "lastchecktime_iso8601": "2025-02-27T01:14:59Z",
            "lastcheckoktime_iso8601": "2025-02-27T01:14:59Z", "lastlocalchecktime_iso8601": "2025-02-26T19:29:18Z",
            "clicktimestamp_iso8601": "2025-02-27T12:09:40Z", "clickcount": 84, "clicktrend": -12, "ssl_error": 0,
            "geo_lat": 46.05, "geo_long": 14.5, "has_extended_info": false,
        }),
    ] {
        rows.push_str(&format!("{row}\n"));
    }
    for number in 0..FILLERS {
        let row = json!({
            "stationuuid": format!("f1111111-0000-4000-8000-{number:012}"), "name": format!("Filler {number:04}"),
            "url": format!("http://filler.example/{number}"), "country": "Fillerland", "countrycode": "FL",
        });
        rows.push_str(&format!("{row}\n"));
    }
    rows
}

impl Deck {
    /// A primary, `replicas`, and an app server over them that has seen its database.
    pub(crate) async fn start(replicas: u8) -> Self {
        let folder = tempfile::Builder::new().prefix("rd-app-").tempdir().expect("a folder");
        let secrets = tempfile::tempdir().expect("a folder");
        let secret = |name: &str, text: &str| {
            let path = secrets.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let passwords = Passwords {
            owner: "owner".into(),
            app: "app".into(),
            replication: "replication".into(),
        };
        let cluster = Cluster::start(ClusterConfig::throw_away(folder.path(), replicas, passwords))
            .await
            .expect("Postgres starts");
        let owner = database_config(&cluster, "radiodeck_owner", &secret("owner", "owner\n"));
        catalog::migrate::run(&owner, DEADLINE).await.expect("migrates");
        let config = database_config(&cluster, "radiodeck_app", &secret("app", "app\n"));
        let database = Database::open(&config).expect("a valid configuration");
        let report = catalog::import::import(rows().as_bytes(), &database, &Default::default(), |_| {})
            .await
            .expect("imports");
        assert_eq!(report.bad_rows, [], "every row is good");

        let config = app_config(config, secret("key", &"5c".repeat(32)));
        let address = run(config).await;
        until("the app server reads the catalogue", async || {
            let answer = get(address, "api.radiodeck.localhost", "/json/stats").await;
            answer.status() == StatusCode::OK
        })
        .await;
        Self {
            address,
            cluster,
            database,
            _folder: folder,
        }
    }

    /// GET on the site's host.
    pub(crate) async fn site(&self, path: &str) -> Response<String> {
        get(self.address, "www.radiodeck.localhost", path).await
    }

    /// GET on the API's host.
    pub(crate) async fn api(&self, path: &str) -> Response<String> {
        get(self.address, "api.radiodeck.localhost", path).await
    }

    /// Any request; give it a `Host`.
    pub(crate) async fn send(&self, request: Request<String>) -> Response<String> {
        send(self.address, request).await
    }
}

fn database_config(cluster: &Cluster, user: &str, password_file: &Path) -> DatabaseConfig {
    let nodes = cluster.nodes().into_iter().map(|node| NodeConfig {
        name: node.name,
        host: node.host,
        port: node.port,
    });
    DatabaseConfig {
        name: "radiodeck".into(),
        user: user.into(),
        password_file: password_file.to_owned(),
        nodes: nodes.collect(),
        max_connections_per_node: 4,
        statement_timeout_ms: 5_000,
    }
}

fn app_config(database: DatabaseConfig, signing_key_file: PathBuf) -> AppConfig {
    AppConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        instance: Some(INSTANCE.into()),
        signing_key_file,
        trusted_proxies: vec!["127.0.0.0/8".parse().expect("a network")],
        drain_notice_ms: 500,
        api_base_url: None,
        site_base_url: None,
        limits: Limits::default(),
        service: ServiceSettings::default(),
        database,
    }
}

async fn run(config: AppConfig) -> SocketAddr {
    let mut context = Context::new("radiodeck-app");
    let app = App::build(config, &mut context).await.expect("builds");
    let address = app.local_addr().expect("is bound");
    tokio::spawn(app.run(Shutdown::new(Duration::from_secs(20))));
    address
}

/// An app server, bound and not yet running, whose database never answers.
pub(crate) async fn without_database(limits: Limits) -> (App, Context) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let database = DatabaseConfig {
        name: "radiodeck".into(),
        user: "radiodeck_app".into(),
        password_file: file("password", "app\n"),
        nodes: vec![NodeConfig {
            name: "pg-1".into(),
            host: folder.path().display().to_string(),
            port: 5432,
        }],
        max_connections_per_node: 1,
        statement_timeout_ms: 1_000,
    };
    let mut config = app_config(database, file("key", &"5c".repeat(32)));
    config.limits = limits;
    let mut context = Context::new("radiodeck-app");
    let app = App::build(config, &mut context)
        .await
        .expect("starts without a database");
    (app, context)
}

/// A request with `Host` set and no body.
pub(crate) fn request(method: Method, host: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("host", host)
}

/// GET over a connection of its own.
pub(crate) async fn get(address: SocketAddr, host: &str, path: &str) -> Response<String> {
    let request = request(Method::GET, host, path).body(String::new()).expect("a request");
    send(address, request).await
}

/// Any request over a connection of its own. The body is taken as UTF-8.
pub(crate) async fn send(address: SocketAddr, request: Request<String>) -> Response<String> {
    let what = format!("{} {}", request.method(), request.uri());
    let answer = async {
        let stream = tokio::net::TcpStream::connect(address).await.expect("connects");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("shakes hands");
        tokio::spawn(connection);
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Response::from_parts(head, String::from_utf8(body.into()).expect("UTF-8"))
    };
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(answer) => answer,
        Err(_) => panic!("no answer to {what} within {DEADLINE:?}"),
    }
}

/// A header's value, empty when it is not there.
pub(crate) fn header<'a>(answer: &'a Response<String>, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map(|value| value.to_str().expect("ASCII"))
        .unwrap_or_default()
}

/// Asks until it holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
