//! Record types: their numbers and names (RFC 6895, RFC 3597 for the unknown).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The number of a record type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rtype(pub u16);

/// Declares the types that have a name; every other is `TYPEnnn`.
macro_rules! types {
    ($($name:ident = $code:literal),+ $(,)?) => {
        #[allow(missing_docs)] // the name is all there is to say
        impl Rtype {
            $(pub const $name: Self = Self($code);)+
        }
        const NAMED: &[(&str, u16)] = &[$((stringify!($name), $code)),+];
    };
}

types! {
    A = 1, NS = 2, MD = 3, MF = 4, CNAME = 5, SOA = 6, MB = 7, MG = 8, MR = 9, NULL = 10, WKS = 11, PTR = 12,
    HINFO = 13, MINFO = 14, MX = 15, TXT = 16, RP = 17, AFSDB = 18, X25 = 19, ISDN = 20, RT = 21, NSAP = 22,
    SIG = 24, KEY = 25, PX = 26, AAAA = 28, LOC = 29, SRV = 33, NAPTR = 35, KX = 36, CERT = 37, DNAME = 39,
    OPT = 41, APL = 42, DS = 43, SSHFP = 44, IPSECKEY = 45, RRSIG = 46, NSEC = 47, DNSKEY = 48, DHCID = 49,
    NSEC3 = 50, NSEC3PARAM = 51, TLSA = 52, SMIMEA = 53, HIP = 55, CDS = 59, CDNSKEY = 60, OPENPGPKEY = 61,
    CSYNC = 62, ZONEMD = 63, SVCB = 64, HTTPS = 65, SPF = 99, NID = 104, L32 = 105, L64 = 106, LP = 107,
    EUI48 = 108, EUI64 = 109, NXNAME = 128, TKEY = 249, TSIG = 250, IXFR = 251, AXFR = 252, MAILB = 253, MAILA = 254,
    ANY = 255, URI = 256, CAA = 257, AVC = 258,
}

impl Rtype {
    /// Reads a name or `TYPEnnn`, in any case (RFC 3597 section 5).
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let named = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        if let Some((_, code)) = named {
            return Some(Self(*code));
        }
        let (head, digits) = text.split_at_checked(4)?;
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        (head.eq_ignore_ascii_case("TYPE") && all_digits).then(|| digits.parse().ok().map(Self))?
    }

    /// Whether this type exists only in questions or messages (RFC 6895
    /// section 3.1) and so can be no data of a zone.
    #[must_use]
    pub fn is_meta(self) -> bool {
        self == Self::OPT || self.0 == 0 || (128..=255).contains(&self.0)
    }

    /// The address in the data of an A or AAAA record.
    #[must_use]
    pub fn address(self, rdata: &[u8]) -> Option<IpAddr> {
        match self {
            Self::A => <[u8; 4]>::try_from(rdata).ok().map(|o| Ipv4Addr::from(o).into()),
            Self::AAAA => <[u8; 16]>::try_from(rdata).ok().map(|o| Ipv6Addr::from(o).into()),
            _ => None,
        }
    }

    /// The name of a type that has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMED.iter().find(|(_, code)| *code == self.0).map(|(name, _)| *name)
    }

    /// Where in the record data the name begins whose addresses belong into the
    /// additional section (RFC 1035 section 3.3, RFC 2782, RFC 9460 section 4.1).
    #[must_use]
    pub fn target_offset(self) -> Option<usize> {
        match self {
            Self::NS => Some(0),
            Self::MX | Self::SVCB | Self::HTTPS => Some(2),
            Self::SRV => Some(6),
            _ => None,
        }
    }
}

impl fmt::Display for Rtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3597_5_unknown_types_have_a_generic_name() {
        assert_eq!(Rtype::from_text(b"type65280"), Some(Rtype(65280)));
        assert_eq!(Rtype::from_text(b"TYPE1"), Some(Rtype::A));
        assert_eq!(Rtype::from_text(b"aaaa"), Some(Rtype::AAAA));
        assert_eq!(Rtype(65280).to_string(), "TYPE65280");
        for bad in [&b"TYPE"[..], b"TYPE65536", b"TYPE+1", b"BOGUS", b"\xff"] {
            assert_eq!(Rtype::from_text(bad), None);
        }
    }
}
