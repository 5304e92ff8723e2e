//! One request: who answers it, and what every answer carries.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING,
};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::access_log::{Ended, Record};
use crate::balance::{self, Asked};
use crate::config::{ErrorForm, Protocol};
use crate::connection::peer::Peer;
use crate::connection::requester::Requester;
use crate::forward::forward;
use crate::outgoing::Outgoing;
use crate::overload::UnderWay;
use crate::problem::Problem;
use crate::request::headers::{Sender, X_REQUEST_ID, prepare_request};
use crate::request::upgrade::Wish;
use crate::request::{http2, id, target, websocket};
use crate::respond;
use crate::route::{self, Target};
use crate::upstream::body::{AnswerBody, CutOff};
use crate::watch::NEVER;
use crate::worker::Worker;

const MAX_FORWARDS: HeaderName = HeaderName::from_static("max-forwards");
/// RFC 9110 7.6.3: the version received, and who received it.
const VIA_1: &str = "1.1 radiodeck-lb";
const VIA_2: &str = "2 radiodeck-lb";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";
/// The balancer's own health, on any host.
const HEALTH_PATH: &str = "/.lb/health";

/// Answers one request; never fails, whatever happens.
pub(crate) async fn handle(
    worker: Rc<Worker>,
    client: Requester,
    request: Request<Incoming>,
) -> Result<Response<ClientBody>, Infallible> {
    client.request_begins();
    let under_way = UnderWay::begin(&worker);
    worker.stats().requests.add(1);
    let mut record = Record::begin(&worker, client.peer(), &request);
    let mut request_id = None;
    let mut errors = ErrorForm::Html;
    let is_http2 = client.is_http2();
    let is_head = request.method() == Method::HEAD;
    let answered = answer(
        &worker,
        &client,
        &under_way,
        request,
        &mut record,
        &mut request_id,
        &mut errors,
    )
    .await;
    let request_id = request_id.unwrap_or_else(id::generate);
    let mut response = match answered {
        Ok(response) => response,
        Err(problem) => {
            let plan = worker.plan();
            own(
                &worker,
                respond::problem(problem, errors, &plan.config.errors, &request_id),
            )
        }
    };
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if is_http2 {
        fit_http2(&mut response, is_head);
    }
    record.answered(response.status());
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, request_id);
    if let Some(hsts) = &client.peer().hsts {
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    // After a drain has begun nobody shall come back on this connection.
    if worker.shared.is_draining() && !switches && client.leaves_by_head() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|kind| ClientBody {
        kind,
        client,
        _under_way: under_way,
        record,
        // Nobody asks for the body of an answer to HEAD.
        complete: is_head,
    }))
}

async fn answer(
    worker: &Rc<Worker>,
    client: &Requester,
    under_way: &UnderWay,
    request: Request<Incoming>,
    record: &mut Record,
    request_id: &mut Option<HeaderValue>,
    errors: &mut ErrorForm,
) -> Result<Response<Kind>, Problem> {
    let (mut parts, body) = request.into_parts();
    let mut socket = None;
    let chunked = match client {
        Requester::Stream(stream) => {
            socket = websocket::begin(&mut parts)?;
            if socket.is_some() {
                stream.may_switch(parts.extensions.remove());
            }
            http2::translate(&mut parts, body.is_end_stream(), &stream.limits())?
        }
        Requester::Connection(_) => parts.headers.contains_key(TRANSFER_ENCODING),
    };
    target::normalise(&parts.method, &mut parts.uri, &mut parts.headers)?;
    let path = parts.uri.path();
    if path == HEALTH_PATH && matches!(parts.method, Method::GET | Method::HEAD) && socket.is_none() {
        return Ok(own(worker, respond::health(worker.shared.is_withdrawn())));
    }
    if let Some(expectation) = parts.headers.get(EXPECT)
        && !expectation.as_bytes().eq_ignore_ascii_case(b"100-continue")
    {
        return Err(Problem::ExpectationUnknown);
    }

    let host = parts.headers.get(http::header::HOST).ok_or(Problem::HostMissing)?;
    let authority = target::authority(host)?;
    let plan = worker.plan();
    let route = plan.routes.find(&authority.name, path).ok_or(Problem::NoRoute)?;
    *errors = route.errors;
    if !under_way.fits(plan.config.client.max_requests) {
        worker.stats().shed.add(1);
        return Err(Problem::Overloaded);
    }
    if plan.config.tls.redirect_http
        && let Some(tls) = &worker.shared.tls
        && scheme(client.peer(), &parts.headers) == "http"
    {
        let location = route::location("https", &authority.name, &tls.now().public_port, &parts.uri);
        return Ok(own(worker, respond::redirect(location.ok_or(Problem::TargetInvalid)?)));
    }
    let pool = match &route.target {
        Target::Pool(pool) => *pool,
        Target::Redirect(to) => {
            let scheme = scheme(client.peer(), &parts.headers);
            let location = route::location(scheme, to, authority.port, &parts.uri).ok_or(Problem::TargetInvalid)?;
            return Ok(own(worker, respond::redirect(location)));
        }
    };
    let key = plan.pools[pool].pool.config.hash_key.as_ref().and_then(|by| {
        let asked = Asked {
            host: &authority.name,
            path,
            headers: &parts.headers,
            address: &client.peer().address,
            trusted: client.peer().trusted,
        };
        balance::key(by, &asked, &plan.client)
    });
    if parts.method == Method::OPTIONS && is_last_stop(&mut parts.headers) {
        return Ok(own(worker, respond::options()));
    }

    let began = Instant::now();
    let view = &plan.pools[pool];
    let is_socket = socket.is_some();
    let upgrade = match client {
        // Servers of HTTP/2 are asked for plain requests only.
        _ if view.pool.config.protocol == Protocol::H2 => match is_socket {
            true => return Err(Problem::ProtocolUnknown),
            false => None,
        },
        Requester::Stream(_) => socket,
        Requester::Connection(client) => client.asks_to_upgrade().then(|| Wish::of(&parts.headers)).flatten(),
    };
    let peer = client.peer();
    let sender = Sender {
        address: &peer.address,
        trusted: peer.trusted,
        scheme: peer.scheme(),
        via: if client.is_http2() { VIA_2 } else { VIA_1 },
        forwarded: &peer.forwarded,
        traces: plan.config.trace_context,
    };
    let names = prepare_request(&mut parts.headers, chunked, &sender);
    record.named(&names);
    *request_id = Some(names.request_id);
    if let Some(wish) = &upgrade {
        wish.ask(&mut parts.headers);
    }
    let body = (!body.is_end_stream()).then_some(body);
    record.pool = Some(view.clone());
    let upstream = &view.pool.config.upstream;
    let due_ms = match upstream.request_ms {
        0 => NEVER,
        request_ms => client.now_ms() + request_ms,
    };
    let outgoing = Outgoing::new(
        parts.method,
        parts.uri,
        parts.headers,
        body,
        client,
        upstream.first_byte_ms,
    )
    .with_upgrade(upgrade)
    .with_due(due_ms);
    let mut response = forward(worker, &plan, view, key, outgoing, record).await?;
    if let Some(server) = response.body_mut().take_switched() {
        client.switch(server);
    } else if is_socket && response.status().is_success() {
        // To the client it would be the beginning of a tunnel.
        return Err(Problem::NotSwitched);
    }
    let elapsed_us = began.elapsed().as_micros() as u64;
    view.traffic(worker.id).answered(response.status(), elapsed_us);
    Ok(response.map(Kind::Answer))
}

/// How the request came from its very beginning, if a proxy in front tells.
fn scheme(peer: &Peer, headers: &http::HeaderMap) -> &'static str {
    let told = headers.get(X_FORWARDED_PROTO).filter(|_| peer.trusted);
    match told {
        Some(told) if told == "https" => "https",
        Some(_) => "http",
        None => peer.scheme(),
    }
}

/// RFC 9110 7.6.2: whether an OPTIONS request ends here, else one hop less.
fn is_last_stop(headers: &mut http::HeaderMap) -> bool {
    let Some(value) = headers.get_mut(MAX_FORWARDS) else {
        return false;
    };
    let hops: Option<u32> = value.to_str().ok().and_then(|text| text.parse().ok());
    match hops {
        Some(0) => true,
        Some(hops) => {
            *value = HeaderValue::from(hops - 1);
            false
        }
        None => false,
    }
}

fn own(worker: &Worker, response: Response<Bytes>) -> Response<Kind> {
    worker.own_answer(response.status());
    response.map(|bytes| Kind::Own(Some(bytes).filter(|bytes| !bytes.is_empty())))
}

/// RFC 9113 8.2.2: nothing about the connection. And hyper, which leaves out the
/// body of an answer to HEAD in HTTP/1, sends it in HTTP/2.
fn fit_http2(response: &mut Response<Kind>, is_head: bool) {
    response.headers_mut().remove(CONNECTION);
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        websocket::switched(response);
    }
    if is_head
        && let Kind::Own(body) = response.body_mut()
        && let Some(bytes) = body.take()
    {
        let length = HeaderValue::from(bytes.len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
    }
}

enum Kind {
    Own(Option<Bytes>),
    Answer(AnswerBody),
}

/// The body of any answer. When it is dropped the answer is over, and the
/// client's next request may be waited for.
pub(crate) struct ClientBody {
    kind: Kind,
    client: Requester,
    _under_way: UnderWay,
    record: Record,
    /// Nothing is missing any more.
    complete: bool,
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        self.client.answer_taken();
        let this = &mut *self;
        let polled = match &mut this.kind {
            Kind::Own(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Kind::Answer(body) => std::task::ready!(Pin::new(body).poll_frame(cx)),
        };
        match &polled {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.client.answer_offered(bytes);
                this.record.sent(bytes);
                // Behind trailers nobody asks for more.
                this.complete |= frame.is_trailers();
            }
            Some(Err(CutOff)) => {
                this.record.ended(Ended::ByServer);
                this.client.cut_off();
            }
            None => this.complete = true,
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Own(bytes) => bytes.is_none(),
            Kind::Answer(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Answer(body) => body.size_hint(),
        }
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        // hyper does not ask again for what a Content-Length has ended.
        if self.complete || self.is_end_stream() {
            self.record.ended(Ended::Complete);
        }
        self.client.answer_ends();
    }
}
