//! A PROXY header means one client, or none: no byte may be missing, too many or
//! read in another way.

use std::net::SocketAddr;

use super::{SHORTEST_BYTES, parse_v1, parse_v2};

/// The data is a whole header, as far as its reader can tell.
///
/// # Panics
/// Where an invariant is broken.
pub fn proxy_protocol(data: &[u8]) {
    let (first, second) = (parse_v1(data), parse_v2(data));
    assert!(first.is_err() || second.is_err(), "two readings of one header");
    if let Ok(client) = first {
        // The reader takes so much at once, and then up to the first LF.
        assert!(data.len() >= SHORTEST_BYTES, "shorter than what is read at once");
        assert_eq!(data.iter().position(|byte| *byte == b'\n'), Some(data.len() - 1));
        if let Some(client) = client {
            let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
            let ip = client.ip();
            let line = format!("PROXY {family} {ip} {ip} {port} {port}\r\n", port = client.port());
            assert_eq!(
                parse_v1(line.as_bytes()),
                Ok(Some(client)),
                "written anew it is another"
            );
            let words: Vec<_> = data.split(|byte| *byte == b' ').collect();
            assert_eq!(words.len(), 6, "more is said than there is to say");
            assert_eq!(
                words[4],
                client.port().to_string().as_bytes(),
                "another port than it says"
            );
        }
    }
    if let Ok(client) = second {
        assert!(parse_v2(&data[..data.len() - 1]).is_err(), "one byte less is as good");
        assert!(parse_v2(&[data, b"\0"].concat()).is_err(), "one byte more is as good");
        assert_eq!(client, address(data), "another client than it says");
    }
}

/// The client's address where version 2 has it.
fn address(header: &[u8]) -> Option<SocketAddr> {
    let port = |at: usize| u16::from(header[at]) << 8 | u16::from(header[at + 1]);
    match (header[12] & 0xf, header[13]) {
        (1, 0x11) => {
            let ip = <[u8; 4]>::try_from(&header[16..20]).ok()?;
            Some((ip, port(24)).into())
        }
        (1, 0x21) => {
            let ip = <[u8; 16]>::try_from(&header[16..32]).ok()?;
            Some((ip, port(48)).into())
        }
        _ => None,
    }
}
