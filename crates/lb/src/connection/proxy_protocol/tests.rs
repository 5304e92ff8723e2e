//! The parser alone; tests/proxy_protocol.rs shows what a client gets.

use proptest::prelude::*;

use super::*;

/// A header of version 2 whose length is the truth.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend([command, family]);
    header.extend((rest.len() as u16).to_be_bytes());
    header.extend(rest);
    header
}

const V4: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0xdb, 0xe0, 0, 80];

fn v6() -> Vec<u8> {
    let ips = ["2001:db8::7", "2001:db8::1"].map(|ip| ip.parse::<Ipv6Addr>().expect("an address").octets());
    [&ips[0][..], &ips[1], &[0xdb, 0xe0, 0, 80]].concat()
}

fn source(text: &str) -> Option<SocketAddr> {
    Some(text.parse().expect("an address"))
}

#[test]
fn version_1_says_who_it_is() {
    for (line, expected) in [
        (
            "PROXY TCP4 203.0.113.7 10.0.0.1 56288 80\r\n",
            source("203.0.113.7:56288"),
        ),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            source("255.255.255.255:65535"),
        ),
        ("PROXY TCP6 2001:db8::7 ::1 56288 80\r\n", source("[2001:db8::7]:56288")),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN ffff::1 whatever 1\r\n", None),
    ] {
        assert_eq!(parse_v1(line.as_bytes()), Ok(expected), "{line:?}");
    }
}

#[test]
fn version_1_is_taken_at_its_word_or_not_at_all() {
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
    for line in [
        "",
        "\r\n",
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 203.0.113.7 10.0.0.1 56288 80\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 56288 80\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 56288 80",
        "PROXY TCP4 203.0.113.7 10.0.0.1 56288\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 56288 80 \r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 56288 80 1\r\n",
        "PROXY TCP4  203.0.113.7 10.0.0.1 56288 80\r\n",
        "PROXY\tTCP4 203.0.113.7 10.0.0.1 56288 80\r\n",
        "PROXY TCP4 203.0.113.07 10.0.0.1 56288 80\r\n",
        "PROXY TCP4 203.0.113 10.0.0.1 56288 80\r\n",
        "PROXY TCP4 203.0.113.7 ::1 56288 80\r\n",
        "PROXY TCP4 2001:db8::7 ::1 56288 80\r\n",
        "PROXY TCP6 203.0.113.7 10.0.0.1 56288 80\r\n",
        "PROXY TCP6 fe80::1%1 ::1 56288 80\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 65536 80\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 +1 80\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1 01 80\r\n",
        "PROXY TCP4 203.0.113.7 10.0.0.1  80\r\n",
        "PROXY UDP4 203.0.113.7 10.0.0.1 56288 80\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY UNKNOWN \r \r\n",
        &long,
    ] {
        assert_eq!(parse_v1(line.as_bytes()), Err(Refused), "{line:?}");
    }
}

#[test]
fn version_2_says_who_it_is() {
    let note = [&V4[..], &[0x04, 0, 3, 1, 2, 3], &[0x20, 0, 0]].concat();
    for (header, expected) in [
        (v2(0x21, 0x11, &V4), source("203.0.113.7:56288")),
        (v2(0x21, 0x11, &note), source("203.0.113.7:56288")),
        (v2(0x21, 0x21, &v6()), source("[2001:db8::7]:56288")),
        (v2(0x21, 0x31, &[0; 216]), None),
        // UNSPEC and LOCAL: it is the proxy itself, whatever else is said.
        (v2(0x21, 0x00, &[]), None),
        (v2(0x21, 0x00, &[1, 2, 3]), None),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &V4), None),
        (v2(0x20, 0x11, &[]), None),
    ] {
        assert_eq!(parse_v2(&header), Ok(expected), "{header:02x?}");
    }
}

#[test]
fn version_2_is_taken_at_its_word_or_not_at_all() {
    let with = |note: &[u8]| v2(0x21, 0x11, &[&V4, note].concat());
    let lying = |length: u16| {
        let mut header = v2(0x21, 0x11, &V4);
        header[14..16].copy_from_slice(&length.to_be_bytes());
        header
    };
    for (header, why) in [
        (v2(0x11, 0x11, &V4), "version 1 in binary"),
        (v2(0x22, 0x11, &V4), "an undefined command"),
        (v2(0x21, 0x12, &V4), "datagrams"),
        (v2(0x21, 0x41, &V4), "an undefined family"),
        (v2(0x21, 0x13, &V4), "an undefined transport"),
        (v2(0x21, 0x11, &V4[..11]), "half an address"),
        (v2(0x21, 0x21, &V4), "an address of the wrong family"),
        (v2(0x21, 0x31, &[0; 215]), "half a path"),
        (with(&[0x04]), "a note without a length"),
        (with(&[0x04, 0]), "a note with half a length"),
        (with(&[0x04, 0, 4, 1, 2, 3]), "a note that ends after the header"),
        (with(&[0x04, 0xff, 0xff]), "a note that ends far after the header"),
        (with(&[0x04, 0, 2, 1, 2, 3]), "a byte behind the last note"),
        (lying(11), "a length that is too short"),
        (lying(13), "a length that is too long"),
        (lying(0), "no length"),
        (lying(u16::MAX), "more than anybody has to say"),
    ] {
        assert_eq!(parse_v2(&header), Err(Refused), "{why}: {header:02x?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), command: u8, family: u8) {
        let _any = parse_v1(&bytes);
        let _any = parse_v2(&bytes);
        let _any = parse_v2(&v2(command, family, &bytes));
        let text = [b"PROXY TCP4 ", &bytes[..], b"\r\n"].concat();
        let _any = parse_v1(&text);
    }

    #[test]
    fn what_is_written_is_read(ip: [u8; 4], port: u16, notes in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..5)) {
        let address = SocketAddr::from((ip, port));
        let line = format!("PROXY TCP4 {} 127.0.0.1 {port} 80\r\n", address.ip());
        prop_assert_eq!(parse_v1(line.as_bytes()), Ok(Some(address)));
        let mut rest = [&ip[..], &[127, 0, 0, 1], &port.to_be_bytes(), &[0, 80]].concat();
        for (kind, value) in &notes {
            rest.push(*kind);
            rest.extend((value.len() as u16).to_be_bytes());
            rest.extend(value);
        }
        prop_assert_eq!(parse_v2(&v2(0x21, 0x11, &rest)), Ok(Some(address)));
        // One byte less, and the last note does not end where the header does.
        if !notes.is_empty() {
            prop_assert_eq!(parse_v2(&v2(0x21, 0x11, &rest[..rest.len() - 1])), Err(Refused));
        }
    }
}
