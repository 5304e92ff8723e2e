//! Whole zone files: the format, every type, and errors that name their line.

use std::fmt::Write as _;

use super::*;
use crate::zone::Rtype;

const HEAD: &str = "$TTL 300\n@ SOA ns.elsewhere. admin 7 1h 10m 1d 60\n@ NS ns.elsewhere.\n";

fn origin() -> Name {
    parse_name("example.").expect("a name")
}

fn rdata(rtype: &str, text: &str) -> String {
    let zone = match parse(&format!("{HEAD}x {rtype} {text}\n"), &origin()) {
        Ok(zone) => zone,
        Err(error) => return error.to_string(),
    };
    let owner = parse_name("x.example").expect("a name");
    let rtype = Rtype::from_text(rtype.as_bytes()).expect("a type");
    let set = zone.node(&owner).and_then(|node| node.get(rtype)).expect("a set");
    set.rdata[0].iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("written");
        hex
    })
}

#[test]
fn every_type_has_its_wire_form() {
    let table = [
        ("A", "192.0.2.1", "c0000201"),
        ("AAAA", "2001:db8::1", "20010db8000000000000000000000001"),
        ("CNAME", "y", "017907657861 6d706c6500"),
        ("MX", "10 y.", "000a017900"),
        ("TXT", "\"a b\" c", "0361206201 63"),
        ("HINFO", "a \"\"", "016100"),
        ("SRV", "1 2 53 y.org.", "000100020035 0179036f726700"),
        ("NAPTR", "1 2 \"u\" \"a\" \"\" .", "00010002017501610000"),
        ("CAA", "0 issue \"ca.org\"", "000569737375 6563612e6f7267"),
        ("URI", "1 2 \"ftp:x\"", "000100026674703a78"),
        ("SSHFP", "1 2 ab CD", "0102abcd"),
        ("TLSA", "3 1 1 00ff", "03010100ff"),
        ("DS", "1 ECDSAP256SHA256 2 ab", "00010d02ab"),
        ("DNSKEY", "257 3 13 Zm9v YmFy", "0101030d666f6f626172"),
        (
            "RRSIG",
            "A 13 2 300 20260101000000 20250101000000 1 y. Zg==",
            "00010d020000012c6955b900677485800001017900 66",
        ),
        (
            "NSEC",
            "y. A MX TYPE1234",
            "017900000240 010 41b000000000000000000000000000000000000000000000000000020",
        ),
        (
            "NSEC3",
            "1 0 5 aabb 2t7b4g4vsa5smi47k61mv5bv1a22bojr A",
            "0100000502aabb14174eb2409fe28bcb4887a1836f957f0a8425e27b000140",
        ),
        ("NSEC3PARAM", "1 0 0 -", "0100000000"),
        (
            "LOC",
            "42 21 54 N 71 06 18 W -24m 30m",
            "0033161389172dd070be15f000988d20",
        ),
        (
            "APL",
            "1:192.168.32.0/21 !1:192.168.38.0/28",
            "00011503c0a82000011c83c0a826",
        ),
        ("IPSECKEY", "10 1 2 192.0.2.38 Zm9v", "0a0102c0000226666f6f"),
        ("EUI48", "00-00-5e-00-53-2a", "00005e00532a"),
        ("L64", "10 2001:0DB8:1140:1000", "000a20010db811401000"),
        ("L32", "10 10.1.2.0", "000a0a010200"),
        ("LP", "10 y.", "000a017900"),
        ("OPENPGPKEY", "Zm9v", "666f6f"),
        ("CSYNC", "66 3 A NS", "0000004200030001 60"),
        ("ZONEMD", "2018 1 1 aabb", "000007e20101aabb"),
        ("SVCB", "0 y", "0000017907657861 6d706c6500"),
        (
            "HTTPS",
            "1 . port=8080 alpn=\"h2,h3\" mandatory=alpn",
            "000100 0000000200 01 00010006026832026833 000300021f90",
        ),
        (
            "SVCB",
            "1 . key667=\"hello\\210qoo\"",
            "000100029b000968656c6c6fd2716f6f",
        ),
        (
            "SVCB",
            "16 . ipv4hint=192.0.2.1,192.0.2.2 no-default-alpn alpn=h2",
            "00100000010003026832000200000004 0008c0000201c0000202",
        ),
        (
            "SVCB",
            "1 . alpn=f\\\\\\\\oo\\\\,bar,h2",
            "000100000100 0c08665c6f6f2c626172026832",
        ),
        ("TYPE65280", "\\# 3 aabb cc", "aabbcc"),
        ("TYPE65280", "\\# 0", ""),
        ("A", "\\# 4 c0000201", "c0000201"),
        ("HIP", "\\# 1 00", "00"),
    ];
    for (rtype, text, wire) in table {
        assert_eq!(rdata(rtype, text), wire.replace(' ', ""), "{rtype} {text}");
    }
}

#[test]
fn data_that_is_no_data_of_its_type_is_refused_with_line_type_and_owner() {
    let table = [
        ("A", "1.2.3", "\"1.2.3\" is no IPv4 address"),
        ("A", "", "an IPv4 address is missing"),
        ("A", "192.0.2.1 x", "\"x\" is more than this type has"),
        ("AAAA", "192.0.2.1", "is no IPv6 address"),
        ("MX", "70000 y", "is no number from 0 to 65535"),
        ("TXT", "", "a string is missing"),
        ("SSHFP", "1 2 abc", "odd number"),
        ("SSHFP", "1 2 zz", "not hexadecimal"),
        ("DNSKEY", "257 3 13 !!!!", "not base64"),
        (
            "RRSIG",
            "A 13 2 300 20261301000000 20250101000000 1 y. Zg==",
            "is no date",
        ),
        ("A", "\\# 3 c00002", "not the data of A"),
        ("A", "\\# 4 c00002", "says 4 bytes and 3 follow"),
        ("NS", "\\# 2 c00c", "not the data of NS"),
        ("TXT", "\\# 2 0561", "not the data of TXT"),
        ("HIP", "2 200100107B1A74DF365639CC39F1D578 AwEA", "RFC 3597"),
        ("SVCB", "1 . port=1 port=2", "given twice"),
        ("SVCB", "1 . mandatory=port", "not there"),
        ("SVCB", "1 . nonsense=1", "is no parameter"),
        ("SVCB", "1 . alpn", "empty"),
        ("LOC", "91 N 0 E 0", "from 0 to 90"),
        ("APL", "3:1.2.3.4/8", "FAMILY"),
    ];
    for (rtype, text, reason) in table {
        let error = rdata(rtype, text);
        let start = format!("zone text:4: {rtype} at x.example.: ");
        assert!(
            error.starts_with(&start) && error.contains(reason),
            "{rtype} {text}: {error}"
        );
    }
}

#[test]
fn rfc1035_5_1_what_a_line_leaves_out_comes_from_the_last() {
    let text = "\
$ORIGIN example.
@ 1H IN SOA ns.elsewhere. admin ( 7 ; serial
  1h 10m 1d 60 )
  NS ns.elsewhere.
www IN 30 A 192.0.2.1
  A 192.0.2.2
$TTL 5m
  AAAA 2001:db8::1
$ORIGIN sub
host a 192.0.2.3
";
    let zone = parse(text, &parse_name("example").expect("a name")).expect("a zone");
    let ttl = |owner: &str, rtype| {
        let owner = parse_name(owner).expect("a name");
        zone.node(&owner)
            .and_then(|n| n.get(rtype))
            .map(|set| (set.ttl, set.rdata.len()))
    };
    assert_eq!(ttl("example", Rtype::NS), Some((3600, 1)));
    assert_eq!(ttl("www.example", Rtype::A), Some((30, 2)));
    assert_eq!(ttl("www.example", Rtype::AAAA), Some((300, 1)));
    assert_eq!(ttl("host.sub.example", Rtype::A), Some((300, 1)));
}

#[test]
fn a_zone_without_any_ttl_takes_the_minimum_of_its_soa() {
    let zone = parse("@ SOA a. b. 1 2 3 4 77\n@ NS ns.elsewhere.\n", &origin()).expect("a zone");
    assert_eq!(zone.soa().ttl, 77);
    let error = parse("@ NS ns.elsewhere.\n", &origin())
        .expect_err("no TTL")
        .to_string();
    assert_eq!(error, "zone text:1: NS at example.: no TTL, and no $TTL before it");
}

#[test]
fn lines_that_make_no_sense_are_named() {
    let table = [
        ("x BOGUS 1\n", ":4: \"BOGUS\" is no record type"),
        ("x A 1.2.3.4 )\n", ":4: \")\" without \"(\""),
        ("$GENERATE 1-9 x A 1.2.3.4\n", ":4: \"$GENERATE\" is no directive"),
        ("$TTL\n", ":4: \"$TTL\" takes one value"),
        ("$TTL 1x\n", ":4: \"1x\" is no time"),
        ("x CH TXT a\n", ":4: class \"CH\": only IN is served"),
        ("x 1 2 A 1.2.3.4\n", ":4: \"2\" is no record type"),
        ("x\n", ":4: the record has no type"),
        ("\n\nx..y A 1.2.3.4\n", ":6: a label is empty"),
        ("x TXT \"a\n", ":4: a quoted string is not closed"),
        ("x TXT \\300\n", ":4: TXT at x.example.: \\DDD is at most"),
    ];
    for (line, reason) in table {
        let error = parse(&format!("{HEAD}{line}"), &origin()).expect_err(line).to_string();
        assert!(error.contains(reason), "{line}: {error}");
    }
}

#[test]
fn included_files_are_relative_to_the_one_that_includes_them_and_keep_its_origin() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = folder.path().join("main.zone");
    std::fs::create_dir(folder.path().join("more")).expect("a folder");
    std::fs::write(&main, format!("{HEAD}$INCLUDE more/hosts.zone sub\nwww A 192.0.2.1\n")).expect("written");
    std::fs::write(folder.path().join("more/hosts.zone"), "a A 192.0.2.2\n$ORIGIN x.\n").expect("written");
    let zone = load(&main, &origin()).expect("a zone");
    assert!(zone.node(&parse_name("a.sub.example").expect("a name")).is_some());
    assert!(zone.node(&parse_name("www.example").expect("a name")).is_some());

    std::fs::write(folder.path().join("more/hosts.zone"), "\na A 192.0.2\n").expect("written");
    let error = load(&main, &origin()).expect_err("a bad address").to_string();
    assert!(
        error.contains("more/hosts.zone:2: A at a.sub.example.: \"192.0.2\""),
        "{error}"
    );

    std::fs::write(folder.path().join("more/hosts.zone"), "$INCLUDE hosts.zone\n").expect("written");
    let error = load(&main, &origin()).expect_err("a loop").to_string();
    assert!(error.contains("include each other"), "{error}");

    std::fs::remove_file(folder.path().join("more/hosts.zone")).expect("removed");
    let error = load(&main, &origin()).expect_err("missing").to_string();
    assert!(error.contains("main.zone:4: $INCLUDE"), "{error}");
}

proptest::proptest! {
    #[test]
    fn garbage_is_refused_and_never_panics(text in "[ -~\\n\\t\"();\\\\]{0,200}", bytes: Vec<u8>) {
        let _refused = parse(&format!("{HEAD}{text}"), &origin());
        let mut builder = ZoneBuilder::new(&origin());
        let file: Arc<Path> = Path::new("garbage").into();
        let _refused = reader::read_into(&mut builder, &file, &bytes, &origin(), 0);
    }

    #[test]
    fn garbage_data_of_any_type_never_panics(code in 0_u16..300, words in "[ -~]{0,60}") {
        let _refused = parse(&format!("{HEAD}x TYPE{code} {words}\n"), &origin());
    }
}
