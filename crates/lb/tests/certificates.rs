//! Which certificate a client gets, what happens when the files change, and which
//! balancers a session goes on with.

mod support;

use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use support::tls::{Ca, NAME, Trust, VERSIONS, address, local};
use support::{App, Balancer, eventually};
use tempfile::tempdir;

#[tokio::test(flavor = "multi_thread")]
async fn the_name_chooses_the_certificate() {
    let app = App::saying("hi").await;
    let directory = tempdir().expect("a directory");
    let ca = Ca::new(directory.path());
    let first = ca.issue("first", &["first.example", "127.0.0.1"]);
    let wildcard = ca.issue("wildcard", &["*.a.example"]);
    let exact = ca.issue("exact", &["www.a.example"]);
    let balancer = Balancer::in_front_of(&[&app], "", &ca.table(&["first", "wildcard", "exact"])).await;
    let trust = Trust::in_ca(&ca.certificate, &VERSIONS);
    for (name, expected) in [
        ("first.example", &first),
        ("www.a.example", &exact),
        ("WWW.A.example", &exact),
        ("other.a.example", &wildcard),
        // No name is asked for.
        ("127.0.0.1", &first),
    ] {
        let client = trust.connect(address(&balancer), name).await;
        assert!(client.certificate() == *expected, "{name}");
    }
    // A wildcard is for one label; whoever asks for anything else gets the first.
    for name in ["x.y.a.example", "a.example", "unknown.example"] {
        let error = trust.try_connect(address(&balancer), name).await.err().expect(name);
        assert!(error.to_string().contains("first.example"), "{name}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_with_any_balancer_that_has_the_secrets() {
    let app = App::saying("hi").await;
    let (shared, apart) = (tempdir().expect("a directory"), tempdir().expect("a directory"));
    let own_secrets = format!("ticket_keys = \"{}\"", apart.path().join("secrets").display());
    let [one, other, stranger] = [
        Balancer::in_front_of(&[&app], "", &local(shared.path(), "")).await,
        Balancer::in_front_of(&[&app], "", &local(shared.path(), "")).await,
        Balancer::in_front_of(&[&app], "", &local(shared.path(), &own_secrets)).await,
    ];
    for version in VERSIONS {
        let trust = Trust::in_local_ca(shared.path(), &[version]);
        let connect_to = async |balancer: &Balancer| {
            let mut client = trust.connect(address(balancer), NAME).await;
            // The tickets come with it.
            client.get("/").await;
            client.session().handshake_kind()
        };
        let kinds = [
            connect_to(&one).await,
            connect_to(&other).await,
            connect_to(&one).await,
            connect_to(&stranger).await,
        ];
        let (full, resumed) = (Some(HandshakeKind::Full), Some(HandshakeKind::Resumed));
        assert_eq!(kinds, [full, resumed, resumed, full], "{version:?}");
    }
    assert_eq!(other.metric("lb_tls_handshakes_total{kind=\"resumed\"}"), 2);
    assert_eq!(stranger.metric("lb_tls_handshakes_total{kind=\"full\"}"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_files_are_served_to_new_connections_while_old_ones_go_on() {
    let app = App::saying("hi").await;
    let directory = tempdir().expect("a directory");
    let ca = Ca::new(directory.path());
    let before = ca.issue("site", &["a.example"]);
    let top = format!("{}reread_ms = 50\n", ca.table(&["site"]));
    let balancer = Balancer::in_front_of(&[&app], "", &top).await;
    let trust = || Trust::in_ca(&ca.certificate, &VERSIONS);
    let shown = async || -> CertificateDer<'static> {
        let mut client = trust().connect(address(&balancer), "a.example").await;
        client.get("/").await;
        client.certificate()
    };
    let mut kept = trust().connect(address(&balancer), "a.example").await;
    assert!(shown().await == before);

    let after = ca.issue("site", &["a.example", "b.example"]);
    eventually("the new certificate", async || {
        if shown().await == after {
            Ok(())
        } else {
            Err("still the old one".into())
        }
    })
    .await;
    assert_eq!(kept.get("/").await, "hi");

    // What cannot be read changes nothing.
    std::fs::write(directory.path().join("site.key"), "no key").expect("written");
    for _ in 0..10 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(shown().await == after);
    }
    assert_eq!(kept.get("/").await, "hi");
    let last = ca.issue("site", &["a.example"]);
    eventually("the last certificate", async || {
        if shown().await == last {
            Ok(())
        } else {
            Err("still the old one".into())
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_other_certificates_and_settings_or_nothing() {
    let app = App::saying("hi").await;
    let directory = tempdir().expect("a directory");
    let ca = Ca::new(directory.path());
    ca.issue("one", &["a.example"]);
    let other = ca.issue("other", &["a.example"]);
    let file = directory.path().join("lb.toml");
    let write = |tls: &str| {
        let text = format!(
            "listen = \"127.0.0.1:0\"\nworkers = 2\n{tls}\n[[routes]]\nhost = \"*\"\npool = \"app\"\n\
             [[pools]]\nname = \"app\"\nservers = [\"{}\"]\ncheck.interval_ms = 50\n",
            app.address
        );
        std::fs::write(&file, text).expect("written");
    };
    write(&ca.table(&["one"]));
    let balancer = Balancer::from_file(&file).await;
    balancer.wait_for_healthy(1).await;
    // A session that goes on shows no certificate.
    let trust = || Trust::in_ca(&ca.certificate, &VERSIONS);
    let mut kept = trust().connect(address(&balancer), "a.example").await;
    let reload = async || balancer.context.reload().await.expect("reloadable");

    write(&(ca.table(&["other"]) + "hsts_seconds = 9\n"));
    reload().await.expect("taken");
    let mut client = trust().connect(address(&balancer), "a.example").await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.read("GET").await;
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=9"));
    assert!(client.certificate() == other);
    assert_eq!(kept.get("/").await, "hi");

    for (tls, said) in [
        (ca.table(&["missing"]), "`tls.certificates[0].certificate`"),
        (String::new(), "`tls.listen`: cannot be changed"),
    ] {
        write(&tls);
        let reason = reload().await.expect_err("refused");
        assert!(reason.contains(said), "{reason}");
        let client = trust().connect(address(&balancer), "a.example").await;
        assert!(client.certificate() == other);
    }
}

#[test]
fn files_that_do_not_fit_are_named_with_their_key() {
    use service::Config as _;
    let directory = tempdir().expect("a directory");
    let ca = Ca::new(directory.path());
    ca.issue("one", &["a.example"]);
    ca.issue("two", &["b.example"]);
    let path = |name: &str| directory.path().join(name);
    std::fs::copy(path("one.key"), path("two.key")).expect("copied");
    std::fs::write(path("empty.pem"), "").expect("written");
    std::fs::copy(path("one.key"), path("empty.key")).expect("copied");
    ca.issue("cut", &["c.example"]);
    std::fs::write(
        path("cut.pem"),
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    )
    .expect("written");
    let check = |name: &str| {
        let config: lb::Config = toml::from_str(&ca.table(&["one", name])).expect("TOML");
        config.check().map_err(|error| error.to_string())
    };
    check("one").expect("good");
    for (name, key, file) in [
        ("two", "`tls.certificates[1].key`", "two.key"),
        ("empty", "`tls.certificates[1].certificate`", "empty.pem"),
        ("cut", "`tls.certificates[1].certificate`", "cut.pem"),
        ("missing", "`tls.certificates[1].certificate`", "missing.pem"),
    ] {
        let error = check(name).expect_err(name);
        assert!(error.contains(key) && error.contains(file), "{name}: {error}");
    }
}
