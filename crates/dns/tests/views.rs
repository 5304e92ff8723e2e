//! Views: the same name from two networks.

mod support;

use std::net::Ipv4Addr;

use hickory_server::proto::op::Message;
use hickory_server::proto::rr::{RData, RecordType};
use support::{Server, query, zone};

const VIEWS: &str = "\
[[views]]
name = \"private\"
clients = [\"127.0.0.0/8\"]
except = [\"127.0.0.1/32\"]
[[views.addresses]]
published = \"127.0.0.1\"
private = [\"172.30.77.10\", \"172.30.77.11\"]
[[views.addresses]]
published = \"2001:db8::1\"
private = [\"fd00::10\"]
";

async fn addresses(server: &Server, from: Ipv4Addr, name: &str, rtype: RecordType) -> Vec<String> {
    let bytes = query(name, rtype).to_vec().expect("encoded");
    let answer = server.exchange_from(from, &bytes).await.expect("an answer");
    let answer = Message::from_vec(&answer).expect("a message");
    let address = |data: &RData| match data {
        RData::A(address) => Some(address.to_string()),
        RData::AAAA(address) => Some(address.to_string()),
        _ => None,
    };
    answer
        .answers
        .iter()
        .chain(&answer.additionals)
        .filter_map(|record| address(&record.data))
        .collect()
}

#[tokio::test]
async fn a_client_on_the_private_network_gets_the_private_addresses() {
    let zone = format!("{}mx MX 1 www\n", zone());
    let server = Server::with(&[("example", &zone)], VIEWS).await;
    let (outside, inside) = (Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2));
    let ask = async |from, name, rtype| addresses(&server, from, name, rtype).await;

    assert_eq!(ask(outside, "www.example", RecordType::A).await, ["127.0.0.1"]);
    assert_eq!(
        ask(inside, "www.example", RecordType::A).await,
        ["172.30.77.10", "172.30.77.11"]
    );
    assert_eq!(ask(outside, "www.example", RecordType::AAAA).await, ["2001:db8::1"]);
    assert_eq!(ask(inside, "www.example", RecordType::AAAA).await, ["fd00::10"]);
    // Behind an alias, and as an additional record.
    assert_eq!(
        ask(inside, "alias.example", RecordType::A).await,
        ["172.30.77.10", "172.30.77.11"]
    );
    assert_eq!(
        ask(inside, "mx.example", RecordType::MX).await,
        ["172.30.77.10", "172.30.77.11", "fd00::10"]
    );
    // What is not published stays.
    assert_eq!(ask(inside, "ns1.example", RecordType::A).await, ["192.0.2.1"]);
}
