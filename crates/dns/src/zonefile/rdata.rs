//! Record data: from the words of a zone file to wire form. A type is a list of
//! fields; those that no list describes have a file of their own or are written
//! as `\# length hex` (RFC 3597 section 5), as every type may be.

use super::scan::Token;
use super::text::{self, Reason, shown};
use super::{loc, special, svcb};
use crate::zone::{Name, Rtype};

/// A part of record data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    U8,
    U16,
    U32,
    /// A time of 32 bits, units allowed.
    Seconds,
    Ipv4,
    Ipv6,
    /// One character-string.
    Text,
    /// One or more character-strings, to the end.
    Texts,
    /// One string, its length given by the record's (CAA, URI).
    Rest,
    Hex,
    Base64,
    /// Type covered, by name.
    Type,
    /// DNSSEC algorithm, by number or name (RFC 4034 appendix A.1).
    Algorithm,
    /// `YYYYMMDDHHmmSS` or seconds since 1970 (RFC 4034 section 3.2).
    Instant,
    /// Type bitmap to the end (RFC 4034 section 4.1.2).
    Types,
    /// Salt, with its length; `-` is none (RFC 5155 section 3.3).
    Salt,
    /// Hashed owner name, with its length.
    Hash,
    /// A number of bytes written as `00-11-22` (RFC 7043), or 16-bit groups with colons (RFC 6742).
    Dashed(u8),
    /// 64 bits written as four groups with colons (RFC 6742).
    Locator64,
}

use Field as F;

/// The fields of a type; `None` for what only its own parser or the generic form can say.
fn fields(rtype: Rtype) -> Option<&'static [Field]> {
    Some(match rtype {
        Rtype::A => &[F::Ipv4],
        Rtype::AAAA => &[F::Ipv6],
        Rtype::NS | Rtype::CNAME | Rtype::PTR | Rtype::DNAME => &[F::Name],
        Rtype::MD | Rtype::MF | Rtype::MB | Rtype::MG | Rtype::MR => &[F::Name],
        Rtype::SOA => &[F::Name, F::Name, F::U32, F::Seconds, F::Seconds, F::Seconds, F::Seconds],
        Rtype::MX | Rtype::AFSDB | Rtype::RT | Rtype::KX | Rtype::LP => &[F::U16, F::Name],
        Rtype::TXT | Rtype::SPF | Rtype::AVC => &[F::Texts],
        Rtype::HINFO => &[F::Text, F::Text],
        Rtype::MINFO | Rtype::RP => &[F::Name, F::Name],
        Rtype::X25 => &[F::Text],
        Rtype::ISDN => &[F::Texts],
        Rtype::PX => &[F::U16, F::Name, F::Name],
        Rtype::SRV => &[F::U16, F::U16, F::U16, F::Name],
        Rtype::NAPTR => &[F::U16, F::U16, F::Text, F::Text, F::Text, F::Name],
        Rtype::CAA => &[F::U8, F::Text, F::Rest],
        Rtype::URI => &[F::U16, F::U16, F::Rest],
        Rtype::SSHFP => &[F::U8, F::U8, F::Hex],
        Rtype::TLSA | Rtype::SMIMEA => &[F::U8, F::U8, F::U8, F::Hex],
        Rtype::DS | Rtype::CDS => &[F::U16, F::Algorithm, F::U8, F::Hex],
        Rtype::DNSKEY | Rtype::CDNSKEY | Rtype::KEY => &[F::U16, F::U8, F::Algorithm, F::Base64],
        Rtype::RRSIG | Rtype::SIG => &[
            F::Type,
            F::Algorithm,
            F::U8,
            F::Seconds,
            F::Instant,
            F::Instant,
            F::U16,
            F::Name,
            F::Base64,
        ],
        Rtype::NSEC => &[F::Name, F::Types],
        Rtype::NSEC3 => &[F::U8, F::U8, F::U16, F::Salt, F::Hash, F::Types],
        Rtype::NSEC3PARAM => &[F::U8, F::U8, F::U16, F::Salt],
        Rtype::CERT => &[F::U16, F::U16, F::Algorithm, F::Base64],
        Rtype::DHCID | Rtype::OPENPGPKEY => &[F::Base64],
        Rtype::CSYNC => &[F::U32, F::U16, F::Types],
        Rtype::ZONEMD => &[F::U32, F::U8, F::U8, F::Hex],
        Rtype::NID | Rtype::L64 => &[F::U16, F::Locator64],
        Rtype::L32 => &[F::U16, F::Ipv4],
        Rtype::EUI48 => &[F::Dashed(6)],
        Rtype::EUI64 => &[F::Dashed(8)],
        _ => return None,
    })
}

/// The data of a record.
pub(super) fn parse(rtype: Rtype, tokens: &[Token<'_>], origin: &Name) -> Result<Vec<u8>, Reason> {
    let rdata = if let [first, rest @ ..] = tokens
        && !first.quoted
        && first.raw == b"\\#"
    {
        let rdata = generic(rest)?;
        check_generic(rtype, &rdata)?;
        rdata
    } else {
        let mut words = Words { tokens, origin };
        let mut out = Vec::with_capacity(32);
        match (fields(rtype), rtype) {
            (Some(fields), _) => {
                for field in fields {
                    words.field(*field, &mut out)?;
                }
            }
            (None, Rtype::SVCB | Rtype::HTTPS) => svcb::parse(&mut words, &mut out)?,
            (None, Rtype::LOC) => loc::parse(&mut words, &mut out)?,
            (None, Rtype::APL) => special::apl(&mut words, &mut out)?,
            (None, Rtype::IPSECKEY) => special::ipseckey(&mut words, &mut out)?,
            (None, _) => return Err("data of this type is written as \\# LENGTH HEX (RFC 3597 section 5)".into()),
        }
        if let Some(extra) = words.tokens.first() {
            return Err(format!("{} is more than this type has", shown(extra)).into());
        }
        out
    };
    if rdata.len() > usize::from(u16::MAX) {
        return Err(format!("{} bytes of data: 65535 at most", rdata.len()).into());
    }
    Ok(rdata)
}

/// RFC 3597 section 5: the length, then that many bytes.
fn generic(tokens: &[Token<'_>]) -> Result<Vec<u8>, Reason> {
    let (length, digits) = tokens.split_first().ok_or("after \\# comes the length")?;
    let length = text::number(length, u32::from(u16::MAX))?;
    let bytes = text::hex(digits)?;
    if bytes.len() != length as usize {
        return Err(format!("\\# says {length} bytes and {} follow", bytes.len()).into());
    }
    Ok(bytes)
}

/// A known type in generic form must hold what its fields say.
fn check_generic(rtype: Rtype, rdata: &[u8]) -> Result<(), Reason> {
    let wrong = || Reason::from(format!("not the data of {rtype}"));
    let Some(fields) = fields(rtype) else {
        return Ok(());
    };
    let mut rest = rdata;
    for field in fields {
        let used = match field {
            F::Name => Name::read(rest).map_err(|_| wrong())?.1,
            F::U8 | F::Algorithm => 1,
            F::U16 | F::Type => 2,
            F::U32 | F::Seconds | F::Instant | F::Ipv4 => 4,
            F::Locator64 => 8,
            F::Ipv6 => 16,
            F::Dashed(length) => usize::from(*length),
            F::Text | F::Salt | F::Hash => 1 + usize::from(*rest.first().ok_or_else(wrong)?),
            F::Texts => {
                let mut used = 0;
                while used < rest.len() || used == 0 {
                    used += 1 + usize::from(*rest.get(used).ok_or_else(wrong)?);
                }
                used
            }
            F::Rest | F::Hex | F::Base64 | F::Types => rest.len(),
        };
        rest = rest.get(used..).ok_or_else(wrong)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(wrong()) }
}

/// The words of one record's data, taken from the front.
#[derive(Debug)]
pub(super) struct Words<'t> {
    pub(super) tokens: &'t [Token<'t>],
    pub(super) origin: &'t Name,
}

impl<'t> Words<'t> {
    /// The next word, which `what` describes.
    pub(super) fn next(&mut self, what: &str) -> Result<Token<'t>, Reason> {
        let (first, rest) = self.tokens.split_first().ok_or_else(|| format!("{what} is missing"))?;
        self.tokens = rest;
        Ok(*first)
    }

    /// All that is left; at least one word.
    fn rest(&mut self, what: &str) -> Result<&'t [Token<'t>], Reason> {
        if self.tokens.is_empty() {
            return Err(format!("{what} is missing").into());
        }
        Ok(std::mem::take(&mut self.tokens))
    }

    /// Reads one field and appends its wire form.
    pub(super) fn field(&mut self, field: Field, out: &mut Vec<u8>) -> Result<(), Reason> {
        match field {
            F::Name => out.extend(text::name(&self.next("a name")?, self.origin)?.as_wire()),
            F::U8 => out.push(text::number(&self.next("a number")?, 255)? as u8),
            F::U16 => out.extend((text::number(&self.next("a number")?, 65_535)? as u16).to_be_bytes()),
            F::U32 => out.extend(text::number(&self.next("a number")?, u32::MAX)?.to_be_bytes()),
            F::Seconds => out.extend(text::seconds(&self.next("a time")?)?.to_be_bytes()),
            F::Ipv4 => out.extend(special::ipv4(&self.next("an IPv4 address")?)?.octets()),
            F::Ipv6 => out.extend(special::ipv6(&self.next("an IPv6 address")?)?.octets()),
            F::Text => out.extend(text::character_string(&self.next("a string")?)?),
            F::Texts => {
                for token in self.rest("a string")? {
                    out.extend(text::character_string(token)?);
                }
            }
            F::Rest => out.extend(text::bytes(&self.next("a value")?)?),
            F::Hex => out.extend(text::hex(self.rest("hexadecimal data")?)?),
            F::Base64 => out.extend(text::base64(self.rest("base64 data")?)?),
            F::Type => out.extend(special::rtype(&self.next("a type")?)?.0.to_be_bytes()),
            F::Algorithm => out.push(special::algorithm(&self.next("an algorithm")?)?),
            F::Instant => out.extend(special::instant(&self.next("a date")?)?.to_be_bytes()),
            F::Types => special::type_bitmap(std::mem::take(&mut self.tokens), out)?,
            F::Salt => {
                let token = self.next("a salt")?;
                let salt = if token.raw == b"-" {
                    Vec::new()
                } else {
                    text::hex(&[token])?
                };
                counted(&salt, out)?;
            }
            F::Hash => counted(&text::base32hex(&self.next("a hash")?)?, out)?,
            F::Dashed(length) => special::groups(&self.next("an address")?, b'-', 2, usize::from(length), out)?,
            F::Locator64 => special::groups(&self.next("a locator")?, b':', 4, 4, out)?,
        }
        Ok(())
    }
}

fn counted(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    out.push(u8::try_from(bytes.len()).map_err(|_| format!("{} bytes: 255 at most", bytes.len()))?);
    out.extend(bytes);
    Ok(())
}
