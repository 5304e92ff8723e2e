//! The PROXY protocol in front of everything else that a connection may be. The
//! address in it is the client's for whoever asks.

mod support;

use serde_json::Value;
use support::frames::PREFACE;
use support::http2::{Http2, request, text};
use support::tls::Site;
use support::{App, Balancer, Client, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn v1(address: &str) -> Vec<u8> {
    format!("PROXY TCP4 {address} 10.0.0.1 56288 443\r\n").into_bytes()
}

/// A header of version 2 for 203.0.113.7, with a note.
fn v2() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x11".to_vec();
    header.extend([203, 0, 113, 7, 10, 0, 0, 1, 0xdb, 0xe0, 1, 187]);
    header.extend([0x04, 0, 2, 1, 2]);
    header
}

#[tokio::test(flavor = "multi_thread")]
async fn in_front_of_tls_and_of_h2c_the_address_is_the_clients() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let top = format!(
        "proxy_protocol = true\n[access_log]\nformat = \"json\"\nfile = \"{}\"",
        file.display()
    );
    let app = App::saying("hi").await;
    let site = Site::new(&app, "proxy_protocol = true", &top).await;
    let mut count = 0;
    for header in [v1("203.0.113.7"), v2()] {
        let mut client = site.announced(&header, &["http/1.1"]).await;
        assert_eq!(client.get("/tls").await, "hi");

        let client = Http2::on(site.announced(&header, &["h2"]).await.stream).await;
        assert_eq!(text(client.ask(request("GET", "/tls")).await).await, "hi");

        let mut stream = TcpStream::connect(site.balancer.address).await.expect("connected");
        stream.write_all(&header).await.expect("sent");
        let client = Http2::on(stream).await;
        assert_eq!(text(client.ask(request("GET", "/h2c")).await).await, "hi");
        count += 3;
    }
    for seen in app.seen() {
        let proto = if seen.line().contains("/tls") { "https" } else { "http" };
        assert_eq!(seen.header("x-forwarded-for"), ["203.0.113.7"]);
        assert_eq!(seen.header("x-forwarded-proto"), [proto]);
        let forwarded = seen.header("forwarded").join(",");
        assert!(
            forwarded.contains("203.0.113.7") && forwarded.contains(&format!("proto={proto}")),
            "{forwarded}"
        );
        assert!(!forwarded.contains("127.0.0.1"), "{forwarded}");
    }
    eventually("all lines", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let clients: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["client"].clone())
            .collect();
        match clients.len() == count && clients.iter().all(|client| client == "203.0.113.7") {
            true => Ok(()),
            false => Err(text),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preface_of_http_2_behind_a_header_is_understood_however_it_is_cut() {
    let app = App::saying("hi").await;
    let balancer = Balancer::in_front_of(&[&app], "", "proxy_protocol = true").await;
    let whole = [&v2()[..], PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    for cut in [1, 15, 32, 33, 34, 36, 40, 56, 60] {
        let mut stream = TcpStream::connect(balancer.address).await.expect("connected");
        stream.set_nodelay(true).expect("an option");
        stream.write_all(&whole[..cut]).await.expect("sent");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        stream.write_all(&whole[cut..]).await.expect("sent");
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("settings");
        assert_eq!(head[3], 4, "cut at {cut}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_has_it_by_itself_and_tls_without_it_is_closed() {
    let app = App::saying("hi").await;
    let site = Site::new(&app, "proxy_protocol = true", "").await;
    assert!(
        site.trust
            .try_connect(site.address(), support::tls::NAME)
            .await
            .is_err()
    );
    // The plain listener has none.
    assert_eq!(support::get(site.balancer.address, "a", "/").await.text(), "hi");
    assert_eq!(site.balancer.metric("lb_unannounced_total"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_by_client_address_goes_by_the_announced_one() {
    let apps = [App::saying("a").await, App::saying("b").await, App::saying("c").await];
    let addresses: Vec<_> = apps.iter().map(|app| app.address).collect();
    let pool = "balance = \"hash\"\nhash_key = \"client_address\"";
    let site = Site::in_front_of(&addresses, pool, "proxy_protocol = true", "proxy_protocol = true").await;
    let mut hit = std::collections::BTreeSet::new();
    for last in 1..=30 {
        let header = v1(&format!("203.0.113.{last}"));
        let mut plain = Client::connect(site.balancer.address).await;
        plain.send([&header[..], GET.as_bytes()].concat()).await;
        let text_1 = plain.read("GET").await.text();
        let client = Http2::on(site.announced(&header, &["h2"]).await.stream).await;
        for _ in 0..3 {
            assert_eq!(
                text(client.ask(request("GET", "/")).await).await,
                text_1,
                "203.0.113.{last}"
            );
        }
        hit.insert(text_1);
    }
    assert_eq!(hit.len(), 3, "{hit:?}");
}
