//! The bridge to hickory: our records as its records, and its encoder made to
//! compress names against the question.

use hickory_server::proto::ProtoError;
use hickory_server::proto::rr::{Name as WireName, RData, Record, RecordType, rdata};
use hickory_server::proto::serialize::binary::{BinDecodable, BinDecoder, BinEncoder, Restrict};
use hickory_server::server::{Request, ResponseInfo};
use hickory_server::zone_handler::MessageResponse;

use crate::answer::Entry;
use crate::zone::{Name, Rtype};

/// Bytes of a message's header.
pub const HEADER_BYTES: usize = 12;
/// Type, class, TTL and length of a record, without owner and data.
const RECORD_FRAME_BYTES: usize = 10;

/// The name that a request asks for, in lower case; `None` unless it is one question.
#[must_use]
pub fn question_name(request: &Request) -> Option<Name> {
    match request.queries.queries() {
        [query] => Name::from_labels(query.original().name().iter())
            .ok()
            .map(|name| name.to_lower()),
        _ => None,
    }
}

/// The records of a section.
pub(crate) fn records(entries: &[Entry<'_>]) -> Vec<Record> {
    let mut records = Vec::with_capacity(entries.iter().map(|entry| entry.set.rdata.len()).sum());
    for entry in entries {
        let owner = wire_name(&entry.owner);
        for rdata in &entry.set.rdata {
            let data = data(entry.set.rtype, rdata);
            records.push(Record::from_rdata(owner.clone(), entry.set.ttl, data));
        }
    }
    records
}

/// No message is longer than this with these sections.
pub(crate) fn longest(entries: &[Entry<'_>]) -> usize {
    let of = |entry: &Entry<'_>| {
        let frame = entry.owner.as_wire().len() + RECORD_FRAME_BYTES;
        entry.set.rdata.iter().map(|rdata| frame + rdata.len()).sum::<usize>()
    };
    entries.iter().map(of).sum()
}

fn wire_name(name: &Name) -> WireName {
    // Our names are within the bounds of RFC 1035, so this does not fail.
    WireName::read(&mut BinDecoder::new(name.as_wire())).unwrap_or_else(|_| WireName::root())
}

/// Names are compressed only within the types of RFC 1035 (RFC 3597 section 4),
/// so hickory needs to know no more of any other than its bytes.
fn data(rtype: Rtype, bytes: &[u8]) -> RData {
    let known = match rtype {
        Rtype::NS | Rtype::CNAME | Rtype::SOA | Rtype::PTR | Rtype::MX | Rtype::A | Rtype::AAAA => {
            let length = Restrict::new(bytes.len() as u16);
            RData::read(&mut BinDecoder::new(bytes), RecordType::from(rtype.0), length).ok()
        }
        _ => None,
    };
    known.unwrap_or_else(|| {
        let mut opaque = rdata::NULL::new();
        opaque.anything = bytes.to_vec();
        RData::Unknown {
            code: RecordType::from(rtype.0),
            rdata: opaque,
        }
    })
}

/// Writes a message into `out`, replacing what is there. At 65 535 bytes it is cut
/// and has TC set.
///
/// Names are compressed against `question`, the question's name in lower case: a
/// client that asks in mixed case finds its own spelling at the other end of the
/// pointer (RFC 4343).
///
/// # Errors
/// What hickory cannot encode.
pub(crate) fn encode<'q, 'a, A, N, S, D>(
    response: MessageResponse<'q, 'a, A, N, S, D>,
    question: Option<&Name>,
    out: &mut Vec<u8>,
) -> Result<ResponseInfo, ProtoError>
where
    A: Iterator<Item = &'a Record> + Send + 'a,
    N: Iterator<Item = &'a Record> + Send + 'a,
    S: Iterator<Item = &'a Record> + Send + 'a,
    D: Iterator<Item = &'a Record> + Send + 'a,
{
    out.clear();
    let wire = question.map_or(&[][..], Name::as_wire);
    out.resize(HEADER_BYTES, 0);
    out.extend_from_slice(wire);
    let mut encoder = BinEncoder::new(out);
    // The encoder writes the question as raw bytes and so learns no names from
    // it. They are shown to it beforehand, at the place where they will be; then
    // it starts over and writes the same bytes as the client did.
    let end = HEADER_BYTES + wire.len().saturating_sub(1);
    encoder.set_offset(end);
    let mut at = HEADER_BYTES;
    for label in question.into_iter().flat_map(Name::labels) {
        encoder.store_label_pointer(at, end);
        at += 1 + label.len();
    }
    encoder.set_offset(0);
    response.destructive_emit(&mut encoder)
}
