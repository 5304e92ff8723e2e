//! Signed messages (TSIG, RFC 8945). We have no keys, so every signature is by one
//! that we do not know, and the client is told so rather than answered as if it had
//! not signed.

use hickory_server::proto::rr::rdata::TSIG;
use hickory_server::proto::rr::rdata::tsig::{TsigError, make_tsig_record};
use hickory_server::proto::rr::{Name, RData, Record};
use hickory_server::server::Request;

/// Type, class, TTL and length of the record; then what its data has besides names.
const FRAME_BYTES: usize = 10 + 16;

/// The name of the key and the signature of a request that has one.
pub(crate) fn of(request: &Request) -> Option<(&Name, &TSIG)> {
    // Where hickory leaves it depends on whether it is built to check signatures.
    if let Some(record) = &request.signature {
        return Some((&record.name, &record.data));
    }
    request.additionals.iter().find_map(|record| match &record.data {
        RData::TSIG(tsig) => Some((&record.name, tsig)),
        _ => None,
    })
}

/// BADKEY, without a signature (RFC 8945 sections 5.2.1 and 5.3.2).
pub(crate) fn bad_key(request: &Request) -> Option<Record<TSIG>> {
    let (key, signed) = of(request)?;
    let refusal = TSIG::new(
        signed.algorithm.clone(),
        signed.time,
        signed.fudge,
        Vec::new(),
        request.metadata.id,
        Some(TsigError::BadKey),
        Vec::new(),
    );
    Some(make_tsig_record(key.clone(), refusal))
}

/// The record is no longer than this in a message.
pub(crate) fn longest(record: &Record<TSIG>) -> usize {
    record.name.len() + FRAME_BYTES + record.data.algorithm.to_name().len() + 1
}
