use std::os::unix::fs::PermissionsExt;

use super::*;

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn ours() -> Vec<String> {
    names(&[
        "www.a.example",
        "a.example",
        "*.a.example",
        "localhost",
        "127.0.0.1",
        "::1",
    ])
}

fn read_file(ca: &LocalCa, name: &str) -> String {
    fs::read_to_string(ca.file(name)).expect(name)
}

#[test]
fn what_is_good_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let ca = LocalCa::new(&directory.path().join("deep/ca"));
    let first = ca.certificate(&ours()).expect("made");
    let before = ["ca.pem", "ca.key", "server.pem", "server.key"].map(|name| read_file(&ca, name));
    let second = ca.certificate(&ours()).expect("read");
    assert_eq!(first.names, second.names);
    let after = ["ca.pem", "ca.key", "server.pem", "server.key"].map(|name| read_file(&ca, name));
    assert_eq!(before, after);
    for name in ["ca.key", "server.key"] {
        let mode = fs::metadata(ca.file(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn the_certificate_has_all_names_and_ends_within_398_days() {
    let directory = tempfile::tempdir().expect("a directory");
    let certificate = LocalCa::new(directory.path()).certificate(&ours()).expect("made");
    assert_eq!(
        certificate.names,
        ["www.a.example", "a.example", "*.a.example", "localhost"]
    );
    let left = certificate.time_left();
    assert!(left > DAY * 300 && left < DAY * 397, "{left:?}");
}

#[test]
fn balancers_that_start_together_agree() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = std::sync::Barrier::new(4);
    let served: Vec<_> = std::thread::scope(|scope| {
        let balancer = || {
            start.wait();
            let certificate = LocalCa::new(directory.path()).certificate(&ours()).expect("made");
            certificate.certified.cert[0].to_vec()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(balancer)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("ended"))
            .collect()
    });
    assert!(served.iter().all(|one| *one == served[0]));
}

#[test]
fn a_new_name_makes_a_new_certificate_of_the_same_ca() {
    let directory = tempfile::tempdir().expect("a directory");
    let ca = LocalCa::new(directory.path());
    ca.certificate(&ours()).expect("made");
    let before = read_file(&ca, "ca.pem");
    let mut more = ours();
    more.push("deep.down.a.example".into());
    let certificate = ca.certificate(&more).expect("made anew");
    assert!(certificate.names.contains(&"deep.down.a.example".to_owned()));
    assert_eq!(read_file(&ca, "ca.pem"), before);
}

#[test]
fn the_ca_cannot_vouch_for_anything_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let ca = LocalCa::new(directory.path());
    ca.certificate(&ours()).expect("made");
    let before = read_file(&ca, "server.pem");
    for other in ["bank.example", "notalocalhost", "a.example.org", "10.0.0.1"] {
        let error = ca.certificate(&names(&[other])).expect_err(other).to_string();
        assert!(error.contains("`tls.local_ca`"), "{error}");
        assert!(error.contains(other), "{error}");
    }
    ca.certificate(&ours()).expect("still good");
    assert_eq!(read_file(&ca, "server.pem"), before);
}

#[test]
fn a_certificate_that_is_about_to_end_or_broken_is_made_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let ca = LocalCa::new(directory.path());
    ca.certificate(&ours()).expect("made");
    // One that ends in ten days.
    let ca_key = KeyPair::from_pem(&read_file(&ca, "ca.key")).expect("a key");
    let issuer = Issuer::new(ca_params(&ca_key), ca_key);
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(ours()).expect("names");
    (params.not_before, params.not_after) = life(DAY * 10);
    let short = params.signed_by(&key, &issuer).expect("signed");
    ca.put("server.key", &key.serialize_pem(), PRIVATE).expect("written");
    ca.put("server.pem", &short.pem(), PUBLIC).expect("written");
    assert!(ca.certificate(&ours()).expect("made anew").time_left() > DAY * 300);
    // A key that belongs to another certificate.
    ca.put("server.key", &key.serialize_pem(), PRIVATE).expect("written");
    ca.certificate(&ours()).expect("made anew");
}

#[test]
fn without_the_cas_key_nothing_is_made_and_the_file_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let ca = LocalCa::new(directory.path());
    ca.certificate(&ours()).expect("made");
    fs::remove_file(ca.file("ca.key")).expect("removed");
    ca.certificate(&ours()).expect("still good");
    fs::remove_file(ca.file("server.pem")).expect("removed");
    let error = ca.certificate(&ours()).expect_err("no key").to_string();
    assert!(error.contains("ca.key"), "{error}");
}
