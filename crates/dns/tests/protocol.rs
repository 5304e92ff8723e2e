//! The rules of the protocol, asked of a server over UDP. What an answer holds is
//! tested beside `answer`; here it is what messages look like.

mod support;

use hickory_server::proto::op::{Edns, ResponseCode};
use hickory_server::proto::rr::rdata::opt::EdnsOption;
use hickory_server::proto::rr::{DNSClass, RData, RecordType};
use support::{Server, code, query, query_with_id, shape, zone};

#[tokio::test]
async fn rfc1034_4_3_2_answers_denials_and_referrals() {
    let server = Server::start().await;
    let table = [
        ("www.example", RecordType::A, "NoError aa 1/0/0"),
        ("www.example", RecordType::AAAA, "NoError aa 1/0/0"),
        ("www.example", RecordType::TXT, "NoError aa 0/1/0"),
        ("www.example", RecordType::Unknown(4242), "NoError aa 0/1/0"),
        ("example", RecordType::NS, "NoError aa 1/0/1"),
        ("x.y.wild.example", RecordType::A, "NoError aa 1/0/0"),
        ("x.wild.example", RecordType::HTTPS, "NoError aa 0/1/0"),
        ("b.example", RecordType::TXT, "NoError aa 0/1/0"),
        ("nothing.example", RecordType::A, "NXDomain aa 0/1/0"),
        ("alias.example", RecordType::A, "NoError aa 2/0/0"),
        ("lost.example", RecordType::A, "NXDomain aa 1/1/0"),
        ("x.sub.example", RecordType::A, "NoError 0/1/1"),
        ("www.example", RecordType::ANY, "NoError aa 1/0/0"),
        ("odd.example", RecordType::Unknown(65280), "NoError aa 1/0/0"),
        ("example.org", RecordType::A, "Refused 0/0/0"),
        ("badexample", RecordType::A, "Refused 0/0/0"),
        ("example", RecordType::AXFR, "Refused 0/0/0"),
        ("example", RecordType::IXFR, "Refused 0/0/0"),
        ("www.example", RecordType::OPT, "FormErr 0/0/0"),
        ("www.example", RecordType::Unknown(128), "FormErr 0/0/0"),
        ("www.example", RecordType::TSIG, "NotImp 0/0/0"),
        ("www.example", RecordType::Unknown(200), "NotImp 0/0/0"),
        ("www.example", RecordType::Unknown(249), "NotImp 0/0/0"),
        ("www.example", RecordType::Unknown(253), "NotImp 0/0/0"),
        ("www.example", RecordType::Unknown(254), "NotImp 0/0/0"),
    ];
    for (name, rtype, expected) in table {
        let answer = server.ask(name, rtype).await;
        assert_eq!(shape(&answer), expected, "{name} {rtype}: {answer}");
    }
}

#[tokio::test]
async fn rfc2308_5_a_denial_lives_as_long_as_the_lower_of_ttl_and_minimum() {
    let server = Server::start().await;
    let answer = server.ask("nothing.example", RecordType::A).await;
    assert_eq!(
        (answer.authorities[0].record_type(), answer.authorities[0].ttl),
        (RecordType::SOA, 60)
    );
}

#[tokio::test]
async fn rfc4343_the_spelling_of_the_question_comes_back() {
    let server = Server::start().await;
    let query = query("wWw.eXaMpLe", RecordType::A);
    let bytes = server
        .exchange(&query.to_vec().expect("encoded"))
        .await
        .expect("an answer");
    assert_eq!(&bytes[12..25], b"\x03wWw\x07eXaMpLe\x00");
    // The owner is a pointer to it, in spite of its case.
    assert_eq!(&bytes[29..31], b"\xc0\x0c");
}

#[tokio::test]
async fn rfc1035_4_1_1_flags_are_copied_or_clear() {
    let server = Server::start().await;
    let mut bytes = query_with_id("www.example", RecordType::A, 7)
        .to_vec()
        .expect("encoded");
    // RD, and every bit of the second byte: RA, Z, AD, CD, a code.
    bytes[2] = 0x01 | 0x06; // with AA and TC, which mean nothing in a query
    bytes[3] = 0xff;
    let answer = server.exchange(&bytes).await.expect("an answer");
    assert_eq!(answer[2], 0x80 | 0x04 | 0x01, "QR, AA and RD");
    assert_eq!(answer[3], 0x10, "CD and no other");
}

#[tokio::test]
async fn rfc6891_edns_is_answered_with_edns_and_only_then() {
    let server = Server::start().await;
    let plain = server.send(&query_with_id("www.example", RecordType::A, 1)).await;
    assert!(plain.edns.is_none());

    let mut with = query("www.example", RecordType::A);
    let edns = with.edns.as_mut().expect("edns");
    edns.set_dnssec_ok(true);
    edns.flags_mut().z = 0x7fff;
    edns.options_mut().insert(EdnsOption::Unknown(65_001, vec![1, 2, 3]));
    let answer = server.send(&with).await;
    let edns = answer.edns.expect("edns");
    assert_eq!((edns.version(), edns.max_payload(), edns.rcode_high()), (0, 1232, 0));
    assert!(edns.flags().dnssec_ok, "DO is copied");
    assert_eq!(edns.flags().z, 0, "no other flag is");
    assert!(edns.options().as_ref().is_empty(), "unknown options are ignored");
}

#[tokio::test]
async fn rfc6891_6_1_3_another_version_is_badvers() {
    let server = Server::start().await;
    let mut query = query("www.example", RecordType::A);
    query.edns.as_mut().expect("edns").set_version(1);
    let answer = server.send(&query).await;
    let edns = answer.edns.as_ref().expect("edns");
    assert_eq!((edns.rcode_high(), edns.version()), (1, 0));
    assert_eq!(answer.answers.len(), 0);
}

#[tokio::test]
async fn rfc6891_6_1_1_two_opt_records_are_malformed() {
    let server = Server::start().await;
    let mut bytes = query("www.example", RecordType::A).to_vec().expect("encoded");
    let opt = bytes[bytes.len() - 11..].to_vec();
    bytes.extend(opt);
    bytes[11] = 2;
    assert_eq!(
        code(&server.exchange(&bytes).await.expect("an answer")),
        ResponseCode::FormErr
    );
}

#[tokio::test]
async fn rfc6891_6_1_2_an_option_that_overruns_its_record_is_malformed() {
    let server = Server::start().await;
    let mut bytes = query("www.example", RecordType::A).to_vec().expect("encoded");
    let end = bytes.len();
    bytes[end - 1] = 2;
    bytes.extend([0, 10]);
    assert_eq!(
        code(&server.exchange(&bytes).await.expect("an answer")),
        ResponseCode::FormErr
    );
}

#[tokio::test]
async fn rfc1035_4_1_bytes_behind_the_message_are_malformed() {
    let server = Server::start().await;
    for message in [
        query("www.example", RecordType::A),
        query_with_id("www.example", RecordType::A, 1),
    ] {
        let mut bytes = message.to_vec().expect("encoded");
        bytes.push(0);
        let answer = server.exchange(&bytes).await.expect("an answer");
        assert_eq!((code(&answer), answer.len()), (ResponseCode::FormErr, 12));
    }
}

/// Adds a TSIG of a key named `key` to a query.
fn signed(query: &[u8]) -> Vec<u8> {
    let mut bytes = query.to_vec();
    bytes[11] += 1;
    bytes.extend_from_slice(b"\x03key\0\0\xfa\0\xff\0\0\0\0\0\x3d");
    bytes.extend_from_slice(b"\x0bhmac-sha256\0\0\0\x65\0\0\0\x01\x2c\0\x20");
    bytes.extend_from_slice(&[7; 32]);
    bytes.extend_from_slice(b"\x12\x34\0\0\0\0");
    bytes
}

#[tokio::test]
async fn rfc8945_5_2_1_a_signature_is_by_a_key_that_we_do_not_have() {
    let server = Server::start().await;
    for rtype in [RecordType::A, RecordType::AXFR] {
        let query = query("www.example", rtype).to_vec().expect("encoded");
        let answer = server.exchange(&signed(&query)).await.expect("an answer");
        assert_eq!(code(&answer), ResponseCode::NotAuth);
        // Question, OPT, and a TSIG without a signature that says BADKEY (17).
        assert_eq!(answer[4..12], [0, 1, 0, 0, 0, 0, 0, 2]);
        let refusal =
            b"\x03key\0\0\xfa\0\xff\0\0\0\0\0\x1d\x0bhmac-sha256\0\0\0\x65\0\0\0\x01\x2c\0\0\x12\x34\0\x11\0\0";
        assert!(answer.ends_with(refusal), "{answer:02x?}");
    }
}

#[tokio::test]
async fn rfc8945_5_1_a_signature_that_is_not_the_last_record_is_malformed() {
    let server = Server::start().await;
    let query = query_with_id("www.example", RecordType::A, 0x1234)
        .to_vec()
        .expect("encoded");
    let mut bytes = signed(&query);
    bytes[11] += 1;
    bytes.extend([0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
    let answer = server.exchange(&bytes).await.expect("an answer");
    assert_eq!((code(&answer), answer.len()), (ResponseCode::FormErr, 12));
}

#[tokio::test]
async fn rfc9619_none_or_two_questions_are_malformed() {
    let server = Server::start().await;
    let mut none = query("www.example", RecordType::A);
    none.queries.clear();
    let answer = server.send(&none).await;
    assert_eq!(shape(&answer), "FormErr 0/0/0");
    assert!(answer.edns.is_some() && answer.queries.is_empty());

    let mut two = query("www.example", RecordType::A);
    two.queries.push(two.queries[0].clone());
    let answer = server.send(&two).await;
    assert_eq!(shape(&answer), "FormErr 0/0/0");
    assert!(answer.edns.is_some() && answer.queries.is_empty());
}

#[tokio::test]
async fn rfc8906_other_operations_are_not_implemented_and_other_classes_refused() {
    let server = Server::start().await;
    let mut bytes = query("www.example", RecordType::A).to_vec().expect("encoded");
    for opcode in 1..16_u8 {
        bytes[2] = opcode << 3;
        let answer = server.exchange(&bytes).await.expect("an answer");
        assert_eq!((code(&answer), answer[2] >> 3 & 0x0f), (ResponseCode::NotImp, opcode));
        assert_eq!(answer.len(), 12);
    }
    for class in [
        DNSClass::CH,
        DNSClass::HS,
        DNSClass::NONE,
        DNSClass::ANY,
        DNSClass::Unknown(77),
    ] {
        let mut query = query("www.example", RecordType::A);
        query.queries[0].set_query_class(class);
        assert_eq!(shape(&server.send(&query).await), "Refused 0/0/0", "{class}");
    }
}

#[tokio::test]
async fn an_answer_to_an_answer_is_never_sent() {
    let server = Server::start().await;
    let mut bytes = query("www.example", RecordType::A).to_vec().expect("encoded");
    bytes[2] |= 0x80;
    assert_eq!(server.exchange(&bytes).await, None);
    // Damaged ones neither.
    bytes.truncate(20);
    assert_eq!(server.exchange(&bytes).await, None);
    bytes.truncate(11);
    assert_eq!(server.exchange(&bytes).await, None);
}

#[tokio::test]
async fn what_cannot_be_parsed_behind_the_header_is_malformed() {
    let server = Server::start().await;
    let bytes = query("www.example", RecordType::A).to_vec().expect("encoded");
    for length in 12..bytes.len() {
        let answer = server.exchange(&bytes[..length]).await.expect("an answer");
        assert_eq!(
            (code(&answer), answer.len()),
            (ResponseCode::FormErr, 12),
            "{length} bytes"
        );
        assert_eq!(answer[..2], bytes[..2]);
    }
}

#[tokio::test]
async fn rfc2181_9_what_is_too_long_is_truncated_to_nothing() {
    let server = Server::start().await;
    let answer = server.ask("big.example", RecordType::A).await;
    assert_eq!(shape(&answer), "NoError aa tc 0/0/0");
    assert_eq!(answer.queries.len(), 1);
    assert!(answer.edns.is_some());

    let full = server.tcp().await.ask("big.example", RecordType::A).await;
    assert_eq!(shape(&full), "NoError aa 100/0/0");
}

#[tokio::test]
async fn rfc1035_4_2_1_without_edns_512_bytes_are_the_most() {
    // 40 addresses: more than 512 bytes and less than 1232.
    let mut zone = zone();
    for n in 0..40 {
        zone.push_str(&format!("forty A 198.51.100.{n}\n"));
    }
    let server = Server::with(&[("example", &zone)], "").await;
    let ask = async |payload: Option<u16>| {
        let mut query = query_with_id("forty.example", RecordType::A, 9);
        query.edns = payload.map(|payload| {
            let mut edns = Edns::new();
            edns.set_max_payload(payload);
            edns
        });
        shape(&server.send(&query).await)
    };
    assert_eq!(ask(None).await, "NoError aa tc 0/0/0");
    assert_eq!(ask(Some(600)).await, "NoError aa tc 0/0/0");
    assert_eq!(ask(Some(1232)).await, "NoError aa 40/0/0");
    assert_eq!(ask(Some(65_535)).await, "NoError aa 40/0/0");
}

#[tokio::test]
async fn rfc2181_9_records_that_only_save_a_question_are_left_out_without_tc() {
    let server = Server::start().await;
    let short = server.send(&query_with_id("mail.example", RecordType::MX, 3)).await;
    assert_eq!(shape(&short), "NoError aa 8/0/0");
    let long = server.ask("mail.example", RecordType::MX).await;
    assert_eq!(shape(&long), "NoError aa 8/0/16");
}

#[tokio::test]
async fn rfc9471_a_referral_without_room_for_its_glue_is_truncated() {
    let mut zone = zone();
    for n in 0..13 {
        zone.push_str(&format!("many NS long-name-of-server-{n}.many\n"));
        zone.push_str(&format!("long-name-of-server-{n}.many A 203.0.113.{n}\n"));
        zone.push_str(&format!("long-name-of-server-{n}.many AAAA 2001:db8::{n}\n"));
    }
    let server = Server::with(&[("example", &zone)], "").await;
    let short = server.send(&query_with_id("x.many.example", RecordType::A, 3)).await;
    assert_eq!(shape(&short), "NoError tc 0/0/0");
    let long = server.ask("x.many.example", RecordType::A).await;
    assert_eq!(shape(&long), "NoError 0/13/26");
}

#[tokio::test]
async fn rfc3597_unknown_data_goes_out_as_it_is() {
    let server = Server::start().await;
    let answer = server.ask("odd.example", RecordType::Unknown(65280)).await;
    match &answer.answers[0].data {
        RData::Unknown { rdata, .. } => assert_eq!(rdata.anything, [0xaa, 0xbb, 0xcc]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn several_zones_the_longest_match_answers() {
    let sub = "@ 60 SOA ns.other. a.other. 1 1 1 1 1\n@ 60 NS ns.other.\nx 60 A 192.0.2.99\n";
    let server = Server::with(&[("example", &zone()), ("x.y.example", sub), ("org", sub)], "").await;
    assert_eq!(
        shape(&server.ask("x.x.y.example", RecordType::A).await),
        "NoError aa 1/0/0"
    );
    assert_eq!(
        shape(&server.ask("y.example", RecordType::A).await),
        "NXDomain aa 0/1/0"
    );
    assert_eq!(shape(&server.ask("x.org", RecordType::A).await), "NoError aa 1/0/0");
}
