//! Any bytes at all: an answer that the protocol allows, or silence.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use dns::config::SteeringConfig;
use dns::generation::Store;
use dns::handler::Handler;
use dns::metrics::Metrics;
use dns::steering::Steering;
use dns::transport::{Exchange, Outbox};
use dns::view::Views;
use dns::zone::ZoneSet;
use dns::zonefile::{parse, parse_name};
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::Message;
use hickory_server::proto::rr::RecordType;
use proptest::prelude::*;
use service::Registry;

const CAP: usize = 1232;

struct Subject {
    exchange: Exchange,
    runtime: tokio::runtime::Runtime,
}

impl Subject {
    fn new() -> Self {
        let mut zones = ZoneSet::default();
        let zone = parse(&support::zone(), &parse_name("example").expect("a name")).expect("a zone");
        zones.add(zone).expect("a new origin");
        let store = Arc::new(Store::new(Vec::new(), Vec::new(), zones));
        let steering = Steering::new(&SteeringConfig::default(), &mut Registry::default());
        let handler = Handler::new(store, Arc::new(Views::default()), Arc::new(steering), CAP as u16);
        Self {
            exchange: Exchange::new(handler, Metrics::register(&mut service::Registry::default())),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime"),
        }
    }

    fn respond(&self, query: &[u8], protocol: Protocol) -> Vec<u8> {
        let client = SocketAddr::from(([192, 0, 2, 1], 4242));
        let mut answer = Vec::new();
        let outbox = Outbox::default();
        self.runtime
            .block_on(self.exchange.respond(query, client, protocol, &outbox, &mut answer));
        answer
    }
}

fn check(subject: &Subject, query: &[u8]) -> Result<(), TestCaseError> {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let answer = subject.respond(query, protocol);
        if query.len() < 12 || query[2] & 0x80 != 0 {
            prop_assert!(answer.is_empty(), "an answer to {:02x?}", query);
            continue;
        }
        prop_assert!(answer.len() >= 12, "no answer to {:02x?}", query);
        prop_assert!(protocol.is_stream() || answer.len() <= CAP, "{} bytes", answer.len());
        prop_assert_eq!(&answer[..2], &query[..2], "the id");
        prop_assert_eq!(answer[2] & 0x80, 0x80, "QR");
        prop_assert_eq!(answer[2] & 0x78, query[2] & 0x78, "the operation");
        prop_assert_eq!(answer[3] & 0xe0, 0, "RA, Z, AD");
        let message =
            Message::from_vec(&answer).map_err(|error| TestCaseError::fail(format!("{error}: {answer:02x?}")))?;
        let records = message.answers.len() + message.authorities.len() + message.additionals.len();
        prop_assert!(!message.metadata.truncation || records == 0, "TC with records");
        prop_assert!(message.queries.len() <= 1);
    }
    Ok(())
}

/// A failure is printed and not written beside the sources.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn types() -> impl Strategy<Value = RecordType> {
    prop_oneof![
        Just(RecordType::A),
        Just(RecordType::ANY),
        Just(RecordType::NS),
        Just(RecordType::MX),
        any::<u16>().prop_map(RecordType::from),
    ]
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("www.example".to_owned()),
        Just("big.example".to_owned()),
        Just("mail.example".to_owned()),
        Just("x.sub.example".to_owned()),
        Just("lost.example".to_owned()),
        "([a-zA-Z0-9]{1,20}\\.){0,4}(wild\\.)?example",
    ]
}

#[test]
fn any_bytes_get_a_lawful_answer_or_silence() {
    let subject = Subject::new();
    proptest!(cases(10_000), |(bytes in prop::collection::vec(any::<u8>(), 0..200))| {
        check(&subject, &bytes)?;
    });
}

#[test]
fn a_damaged_query_gets_a_lawful_answer_or_silence() {
    let subject = Subject::new();
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let strategy = (
        names(),
        types(),
        any::<bool>(),
        edits,
        prop::collection::vec(any::<u8>(), 0..20),
        0..4_usize,
    );
    proptest!(cases(20_000), |((name, rtype, edns, edits, tail, cut) in strategy)| {
        let message = if edns { support::query(&name, rtype) } else { support::query_with_id(&name, rtype, 1) };
        let mut bytes = message.to_vec().expect("encoded");
        for (index, value) in edits {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut);
        bytes.extend(tail);
        check(&subject, &bytes)?;
    });
}

#[test]
fn port_zero_is_never_answered() {
    let subject = Subject::new();
    let query = support::query("www.example", RecordType::A).to_vec().expect("encoded");
    let client = SocketAddr::from(([192, 0, 2, 1], 0));
    let mut answer = Vec::new();
    let outbox = Outbox::default();
    let respond = subject
        .exchange
        .respond(&query, client, Protocol::Udp, &outbox, &mut answer);
    subject.runtime.block_on(respond);
    assert!(answer.is_empty());
}
