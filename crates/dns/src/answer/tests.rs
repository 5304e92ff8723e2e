//! One test a rule, named after its section.

use std::fmt::Write as _;

use super::*;
use crate::zonefile::{parse, parse_name};

const ZONE: &str = "\
$TTL 300
@ SOA ns1 admin 7 3600 600 86400 60
@ NS ns1
@ NS ns2
@ MX 10 mail
ns1 A 192.0.2.1
ns1 AAAA 2001:db8::1
ns2 A 192.0.2.2
mail A 192.0.2.3
www A 192.0.2.10
www A 192.0.2.11
*.wild A 192.0.2.20
*.walias CNAME www
a.b.c TXT \"deep\"
alias CNAME www
far CNAME www.example.org.
lost CNAME nothing
half CNAME ns2
loop1 CNAME loop2
loop2 CNAME loop1
down CNAME host.sub
sub NS ns.sub
sub NS ns1
sub NS ns.other.org.
ns.sub A 192.0.2.30
moved DNAME new
host.new A 192.0.2.40
again.new CNAME host.moved
away DNAME example.org.
long DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.org.
_sip._tcp SRV 1 1 5060 mail
_sip._tcp SRV 2 1 5060 www
svc HTTPS 1 www alpn=h2
";

/// The answer as text: code, AA, then the sections.
fn ask(name: &str, qtype: &str) -> String {
    let zone = parse(ZONE, &parse_name("example").expect("a name")).expect("a zone");
    let qname = parse_name(name).expect("a name");
    let qtype = Rtype::from_text(qtype.as_bytes()).expect("a type");
    let answer = Answer::find(&zone, &qname, qtype, &Client::default());
    let mut text = format!("{:?}{}", answer.outcome, if answer.authoritative { " aa" } else { "" });
    let sections = [
        ("an", &answer.answers),
        ("ns", &answer.authority),
        ("glue", &answer.glue),
        ("ar", &answer.additional),
    ];
    for (section, entries) in sections {
        for entry in entries {
            let Entry { owner, set } = entry;
            write!(
                text,
                " | {section} {owner} {} {} x{}",
                set.ttl,
                set.rtype,
                set.rdata.len()
            )
            .expect("written");
        }
    }
    text
}

const NEGATIVE: &str = " | ns example. 60 SOA x1";

#[test]
fn rfc1034_4_3_2_data_of_a_name() {
    assert_eq!(ask("www.example", "A"), "Found aa | an www.example. 300 A x2");
    assert_eq!(
        ask("alias.example", "CNAME"),
        "Found aa | an alias.example. 300 CNAME x1"
    );
}

#[test]
fn rfc2308_2_2_no_data_and_no_name_carry_the_soa_with_the_negative_ttl() {
    assert_eq!(ask("www.example", "AAAA"), format!("Found aa{NEGATIVE}"));
    assert_eq!(ask("www.example", "TYPE65280"), format!("Found aa{NEGATIVE}"));
    assert_eq!(ask("nothing.example", "A"), format!("NoSuchName aa{NEGATIVE}"));
}

#[test]
fn rfc8020_a_name_with_names_below_it_is_no_missing_name() {
    assert_eq!(ask("c.example", "A"), format!("Found aa{NEGATIVE}"));
    assert_eq!(ask("b.c.example", "TXT"), format!("Found aa{NEGATIVE}"));
    assert_eq!(ask("x.b.c.example", "TXT"), format!("NoSuchName aa{NEGATIVE}"));
}

#[test]
fn rfc4592_a_wildcard_answers_for_missing_names_and_has_no_data_of_other_types() {
    assert_eq!(ask("x.wild.example", "A"), "Found aa | an x.wild.example. 300 A x1");
    assert_eq!(ask("y.x.wild.example", "A"), "Found aa | an y.x.wild.example. 300 A x1");
    assert_eq!(ask("x.wild.example", "AAAA"), format!("Found aa{NEGATIVE}"));
    assert_eq!(ask("x.wild.example", "HTTPS"), format!("Found aa{NEGATIVE}"));
    assert_eq!(ask("wild.example", "A"), format!("Found aa{NEGATIVE}"));
    assert_eq!(
        ask("x.walias.example", "A"),
        "Found aa | an x.walias.example. 300 CNAME x1 | an www.example. 300 A x2"
    );
    assert_eq!(ask("*.wild.example", "A"), "Found aa | an *.wild.example. 300 A x1");
}

#[test]
fn rfc6604_2_the_code_is_that_of_the_last_name() {
    assert_eq!(
        ask("alias.example", "A"),
        "Found aa | an alias.example. 300 CNAME x1 | an www.example. 300 A x2"
    );
    assert_eq!(
        ask("lost.example", "A"),
        format!("NoSuchName aa | an lost.example. 300 CNAME x1{NEGATIVE}")
    );
    assert_eq!(
        ask("half.example", "AAAA"),
        format!("Found aa | an half.example. 300 CNAME x1{NEGATIVE}")
    );
    assert_eq!(ask("far.example", "A"), "Found aa | an far.example. 300 CNAME x1");
}

#[test]
fn rfc1034_3_6_2_a_loop_of_aliases_ends() {
    assert_eq!(
        ask("loop1.example", "A"),
        "Found aa | an loop1.example. 300 CNAME x1 | an loop2.example. 300 CNAME x1"
    );
}

#[test]
fn rfc1034_4_3_2_3b_a_referral_has_no_aa_and_glue() {
    let referral = " | ns sub.example. 300 NS x3 | glue ns.sub.example. 300 A x1 \
                    | ar ns1.example. 300 A x1 | ar ns1.example. 300 AAAA x1";
    assert_eq!(ask("host.sub.example", "A"), format!("Found{referral}"));
    assert_eq!(ask("sub.example", "NS"), format!("Found{referral}"));
    assert_eq!(ask("ns.sub.example", "A"), format!("Found{referral}"));
    assert_eq!(ask("sub.example", "ANY"), format!("Found{referral}"));
    // Behind an alias, AA speaks of the alias.
    assert_eq!(
        ask("down.example", "A"),
        format!("Found aa | an down.example. 300 CNAME x1{referral}")
    );
}

#[test]
fn rfc4035_3_1_4_1_the_ds_of_a_delegation_is_ours_to_deny() {
    assert_eq!(ask("sub.example", "DS"), format!("Found aa{NEGATIVE}"));
}

#[test]
fn rfc6672_3_2_a_dname_makes_a_cname_with_its_ttl() {
    assert_eq!(
        ask("host.moved.example", "A"),
        "Found aa | an moved.example. 300 DNAME x1 | an host.moved.example. 300 CNAME x1 \
         | an host.new.example. 300 A x1"
    );
    assert_eq!(
        ask("nix.moved.example", "A"),
        format!("NoSuchName aa | an moved.example. 300 DNAME x1 | an nix.moved.example. 300 CNAME x1{NEGATIVE}")
    );
    assert_eq!(
        ask("a.away.example", "A"),
        "Found aa | an away.example. 300 DNAME x1 | an a.away.example. 300 CNAME x1"
    );
    assert_eq!(ask("moved.example", "A"), format!("Found aa{NEGATIVE}"));
    assert_eq!(
        ask("nix.moved.example", "CNAME"),
        "Found aa | an moved.example. 300 DNAME x1 | an nix.moved.example. 300 CNAME x1"
    );
}

#[test]
fn rfc2181_5_a_dname_that_is_passed_twice_is_there_once() {
    assert_eq!(
        ask("again.moved.example", "A"),
        "Found aa | an moved.example. 300 DNAME x1 | an again.moved.example. 300 CNAME x1 \
         | an again.new.example. 300 CNAME x1 | an host.moved.example. 300 CNAME x1 | an host.new.example. 300 A x1"
    );
}

#[test]
fn rfc6672_2_2_a_name_that_grows_too_long_is_yxdomain() {
    let deep = format!("{}.{}.long.example", "c".repeat(63), "d".repeat(63));
    assert_eq!(ask(&deep, "A"), "NameTooLong aa | an long.example. 300 DNAME x1");
}

#[test]
fn rfc8482_4_1_any_is_answered_with_one_set() {
    assert_eq!(ask("ns1.example", "ANY"), "Found aa | an ns1.example. 300 A x1");
    assert_eq!(ask("alias.example", "ANY"), "Found aa | an alias.example. 300 CNAME x1");
    assert_eq!(ask("x.wild.example", "ANY"), "Found aa | an x.wild.example. 300 A x1");
    assert_eq!(ask("c.example", "ANY"), format!("Found aa{NEGATIVE}"));
}

#[test]
fn rfc1035_3_3_hosts_that_an_answer_names_have_their_addresses_added_once() {
    assert_eq!(
        ask("example", "NS"),
        "Found aa | an example. 300 NS x2 | ar ns1.example. 300 A x1 | ar ns1.example. 300 AAAA x1 \
         | ar ns2.example. 300 A x1"
    );
    assert_eq!(
        ask("_sip._tcp.example", "SRV"),
        "Found aa | an _sip._tcp.example. 300 SRV x2 | ar mail.example. 300 A x1 | ar www.example. 300 A x2"
    );
    assert_eq!(
        ask("svc.example", "HTTPS"),
        "Found aa | an svc.example. 300 HTTPS x1 | ar www.example. 300 A x2"
    );
}
