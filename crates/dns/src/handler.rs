//! The general path: any message that parses to the message that answers it, on
//! hickory's [`RequestHandler`], so that any transport of hickory's can stand in
//! front of it. Sizes are settled here: what a client can take decides between
//! the whole answer, one without the records that only save a question, and TC.

use std::sync::Arc;

use async_trait::async_trait;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Edns, HeaderCounts, MessageType, Metadata, OpCode};
use hickory_server::proto::rr::{DNSClass, Record};
use hickory_server::proto::serialize::binary::BinDecoder;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{MessageResponseBuilder, Queries};
use tracing::debug;

use crate::answer::{Answer, Client, Outcome};
use crate::generation::{Generation, Store};
use crate::message;
use crate::steering::Steering;
use crate::tsig;
use crate::view::Views;
use crate::zone::{Name, Rtype};

/// What every client can take by UDP (RFC 1035 section 2.3.4, RFC 6891 section 6.2.3).
pub const LEAST_UDP_BYTES: u16 = 512;
/// An OPT record without options.
const OPT_BYTES: usize = 11;

/// Answers from the current generation.
#[derive(Debug, Clone)]
pub struct Handler {
    store: Arc<Store>,
    views: Arc<Views>,
    steering: Arc<Steering>,
    max_udp_bytes: u16,
}

impl Handler {
    /// Answers by UDP are never longer than `max_udp_bytes`, whatever a client
    /// says that it can take.
    #[must_use]
    pub fn new(store: Arc<Store>, views: Arc<Views>, steering: Arc<Steering>, max_udp_bytes: u16) -> Self {
        Self {
            store,
            views,
            steering,
            max_udp_bytes: max_udp_bytes.max(LEAST_UDP_BYTES),
        }
    }

    fn answer<'g>(&self, request: &Request, name: Option<&Name>, generation: &'g Generation) -> Answer<'g> {
        if request.version() > 0 {
            return Answer::of(Outcome::OtherEdnsVersion);
        }
        if request.metadata.op_code != OpCode::Query {
            return Answer::of(Outcome::OtherOperation);
        }
        if tsig::of(request).is_some() {
            return Answer::of(Outcome::UnknownKey);
        }
        let (Some(name), [query]) = (name, request.queries.queries()) else {
            return Answer::of(Outcome::NotOneQuestion);
        };
        if query.query_class() != DNSClass::IN {
            return Answer::of(Outcome::OtherClass);
        }
        let qtype = Rtype(query.query_type().into());
        match qtype {
            Rtype::ANY => {}
            Rtype::AXFR | Rtype::IXFR => return Answer::of(Outcome::Transfer),
            Rtype::OPT | Rtype::NXNAME => return Answer::of(Outcome::NeverAType),
            // 0 is like an unknown type: it asks for nothing that we do not do.
            meta if meta.is_meta() && meta.0 != 0 => return Answer::of(Outcome::MetaType),
            _ => {}
        }
        match generation.zones.zone_for(name, qtype) {
            Some(zone) => {
                let client = Client {
                    view: self.views.of(request.src().ip()),
                    steering: Some(&self.steering),
                };
                Answer::find(zone, name, qtype, &client)
            }
            None => Answer::of(Outcome::NotOurs),
        }
    }

    /// The OPT of the answer: there when the request has one (RFC 6891 section
    /// 6.1.1), DO copied (RFC 3225 section 3), every other flag and option left out.
    fn edns(&self, request: &Request) -> Option<Edns> {
        request.edns.as_ref().map(|asked| {
            let mut edns = Edns::new();
            edns.set_max_payload(self.max_udp_bytes);
            edns.set_dnssec_ok(asked.flags().dnssec_ok);
            edns
        })
    }

    /// Bytes that the answer may have.
    fn limit(&self, request: &Request) -> usize {
        if request.protocol().is_stream() {
            return usize::from(u16::MAX);
        }
        usize::from(request.max_payload().clamp(LEAST_UDP_BYTES, self.max_udp_bytes))
    }
}

/// The sections as hickory takes them.
struct Sections {
    answers: Vec<Record>,
    authority: Vec<Record>,
    /// Glue first.
    additional: Vec<Record>,
    glue: usize,
}

impl Sections {
    fn of(answer: &Answer<'_>) -> Self {
        let mut additional = message::records(&answer.glue);
        let glue = additional.len();
        additional.extend(message::records(&answer.additional));
        Self {
            answers: message::records(&answer.answers),
            authority: message::records(&answer.authority),
            additional,
            glue,
        }
    }

    /// Cuts the answer down to `limit`. Tells whether it had to be given up, which
    /// leaves no record at all: a part of a set must not look like the whole (RFC 2181
    /// section 9), and a referral without its glue is of no use (RFC 9471).
    fn fit(&mut self, limit: usize, length: impl Fn(&Self) -> usize) -> bool {
        if length(self) <= limit {
            return false;
        }
        self.additional.truncate(self.glue);
        if length(self) <= limit {
            return false;
        }
        self.answers.clear();
        self.authority.clear();
        self.additional.clear();
        true
    }
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response_handle: R,
    ) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        if request.metadata.message_type == MessageType::Response {
            // Never answered. hickory wants to know what was sent: nothing.
            return info(metadata);
        }
        let generation = self.store.current();
        let name = message::question_name(request);
        let answer = self.answer(request, name.as_ref(), &generation);
        metadata.response_code = answer.outcome.response_code();
        metadata.authoritative = answer.authoritative;

        // RFC 9619 section 4: no answer holds more than one question either.
        let none = no_question();
        let queries = if name.is_some() { &request.queries } else { &none };
        let edns = self.edns(request);
        let build = |metadata: Metadata, sections: &'_ Sections| {
            let builder = MessageResponseBuilder::new(queries, edns.as_ref());
            let mut scratch = Vec::with_capacity(2048);
            let Sections {
                answers,
                authority,
                additional,
                ..
            } = sections;
            let response = builder.build(metadata, answers, authority, [], additional);
            match message::encode(response, name.as_ref(), &mut scratch) {
                Ok(info) if !info.truncation => scratch.len(),
                _ => usize::MAX,
            }
        };

        let mut sections = Sections::of(&answer);
        let limit = self.limit(request);
        let all = [&answer.answers, &answer.authority, &answer.glue, &answer.additional];
        let longest = message::HEADER_BYTES
            + queries.as_bytes().len()
            + OPT_BYTES
            + all.iter().map(|entries| message::longest(entries)).sum::<usize>();
        // Only what might be too long is measured.
        if longest > limit {
            metadata.truncation = sections.fit(limit, |sections| build(metadata, sections));
        }

        let mut response = MessageResponseBuilder::new(queries, edns.as_ref()).build(
            metadata,
            &sections.answers,
            &sections.authority,
            [],
            &sections.additional,
        );
        if answer.outcome == Outcome::UnknownKey
            && let Some(refusal) = tsig::bad_key(request)
            && longest + tsig::longest(&refusal) <= limit
        {
            response.set_signature(Box::new(refusal));
        }
        match response_handle.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                debug!(%error, "cannot send an answer");
                info(metadata)
            }
        }
    }
}

fn info(metadata: Metadata) -> ResponseInfo {
    ResponseInfo::from(hickory_server::proto::op::Header {
        metadata,
        counts: HeaderCounts::default(),
    })
}

fn no_question() -> Queries {
    let nothing = Queries::read(&mut BinDecoder::new(&[]), 0);
    nothing.expect("reading no question from no bytes does not fail")
}
