//! From a socket's bytes to the bytes of an answer, the same for every transport.
//!
//! hickory's own server loops are not used: they answer some messages that are
//! answers themselves, cut an answer in the middle of a set, and put no bound on
//! connections.

mod connections;
pub mod tcp;
pub mod udp;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use hickory_server::net::NetError;
use hickory_server::net::runtime::TokioTime;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::Record;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponse;

use crate::gate::{self, Dropped, Verdict};
use crate::handler::Handler;
use crate::message;
use crate::metrics::Metrics;
use crate::zone::{Name, Rtype};

/// Answers messages and counts them.
#[derive(Debug)]
pub struct Exchange {
    handler: Handler,
    metrics: Metrics,
}

impl Exchange {
    /// Answers by `handler`.
    #[must_use]
    pub fn new(handler: Handler, metrics: Metrics) -> Self {
        Self { handler, metrics }
    }

    /// Puts the answer to `query` into `answer`, which is left empty when there
    /// shall be none.
    pub async fn respond(
        &self,
        query: &[u8],
        client: SocketAddr,
        protocol: Protocol,
        outbox: &Outbox,
        answer: &mut Vec<u8>,
    ) {
        let arrived = Instant::now();
        answer.clear();
        let (qtype, code) = match gate::look(query, client) {
            Verdict::Drop(reason) => return self.metrics.drop(protocol, reason.label()),
            Verdict::Reply(header) => {
                answer.extend_from_slice(&header);
                (None, ResponseCode::from_low(header[3]))
            }
            Verdict::Parse => match Request::from_bytes(query.to_vec(), client, protocol) {
                Ok(request) => {
                    let qtype = request.queries.queries().first().map(|q| Rtype(q.query_type().into()));
                    outbox.open(message::question_name(&request), answer);
                    let info = self
                        .handler
                        .handle_request::<_, TokioTime>(&request, outbox.clone())
                        .await;
                    outbox.close(answer);
                    (qtype, info.response_code)
                }
                Err(_) => {
                    answer.extend(gate::malformed(query).into_iter().flatten());
                    (None, ResponseCode::FormErr)
                }
            },
        };
        if answer.is_empty() {
            return self.metrics.drop(protocol, "unsendable");
        }
        self.metrics.query(protocol, qtype, code, arrived.elapsed());
    }
}

impl Dropped {
    fn label(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Response => "response",
            Self::PortZero => "port_zero",
        }
    }
}

/// Where a handler leaves its answer: one a worker, used for one query at a time.
#[derive(Debug, Clone, Default)]
pub struct Outbox(Arc<Mutex<Draft>>);

#[derive(Debug, Default)]
struct Draft {
    question: Option<Name>,
    bytes: Vec<u8>,
}

impl Outbox {
    /// Lends the buffer for an answer to this question.
    fn open(&self, question: Option<Name>, buffer: &mut Vec<u8>) {
        let mut draft = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        draft.question = question;
        draft.bytes = std::mem::take(buffer);
        draft.bytes.clear();
    }

    /// Takes the buffer back, with the answer if one was sent.
    fn close(&self, buffer: &mut Vec<u8>) {
        let mut draft = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *buffer = std::mem::take(&mut draft.bytes);
    }
}

#[async_trait]
impl ResponseHandler for Outbox {
    async fn send_response<'a>(
        &mut self,
        response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Draft { question, bytes } = &mut *guard;
        message::encode(response, question.as_ref(), bytes).map_err(|error| {
            // Half a message must not go out.
            bytes.clear();
            NetError::from(error)
        })
    }
}
