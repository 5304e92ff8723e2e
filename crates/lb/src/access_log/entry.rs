//! What is remembered of a request until its line can be written.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use http::header::{HOST, REFERER, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri, Version};

use super::format::{self, Line};
use crate::connection::peer::Peer;
use crate::pool::view::{Link, PoolView};
use crate::request::headers::{Names, client_address};
use crate::trace;
use crate::worker::Worker;

/// The status of a request that nobody waited for to be answered; no client ever
/// sees it (nginx made it known).
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All of it was handed to the client's connection.
    Complete,
    /// The client went, or took no more.
    ByClient,
    /// The server broke off, or sent no more.
    ByServer,
}

/// A request's course, told on by whoever serves it. The line is written when it
/// is dropped, whichever way the request ends.
#[derive(Default)]
pub(crate) struct Record {
    /// Whose answer it is.
    pub(crate) pool: Option<Rc<PoolView>>,
    /// The server tried last.
    link: Option<Rc<Link>>,
    /// Times it was sent again.
    retries: u32,
    /// `None` while there is no log.
    entry: Option<Box<Entry>>,
}

/// What only the log wants to know.
struct Entry {
    worker: Rc<Worker>,
    client: IpAddr,
    began: Instant,
    tls: Option<&'static str>,
    asked: Option<Asked>,
    names: Option<Names>,
    status: Option<StatusCode>,
    sent_bytes: u64,
    ended: Ended,
}

struct Asked {
    method: Method,
    uri: Uri,
    version: Version,
    host: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
}

impl Record {
    /// Of a request that came just now.
    pub(crate) fn begin<B>(worker: &Rc<Worker>, peer: &Peer, request: &Request<B>) -> Self {
        if !worker.lines.is_on() {
            return Self::default();
        }
        let headers = request.headers();
        let told = peer
            .trusted
            .then(|| client_address(headers, |address| worker.plan().client.trusts(address)))
            .flatten();
        let asked = Asked {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            host: headers.get(HOST).cloned().or_else(|| authority(request.uri())),
            referer: headers.get(REFERER).cloned(),
            user_agent: headers.get(USER_AGENT).cloned(),
        };
        Self::of(worker, peer, told.unwrap_or(peer.ip), Some(asked))
    }

    /// Of something that was refused before it was a request.
    pub(crate) fn refused(worker: &Rc<Worker>, peer: &Peer, status: StatusCode) {
        if worker.lines.is_on() {
            let mut record = Self::of(worker, peer, peer.ip, None);
            record.answered(status);
            record.ended(Ended::Complete);
        }
    }

    fn of(worker: &Rc<Worker>, peer: &Peer, address: IpAddr, asked: Option<Asked>) -> Self {
        let mut record = Self::default();
        record.entry = Some(Box::new(Entry {
            worker: worker.clone(),
            client: address,
            began: Instant::now(),
            tls: peer.tls_version(),
            asked,
            names: None,
            status: None,
            sent_bytes: 0,
            // Until the contrary is known.
            ended: Ended::ByClient,
        }));
        record
    }

    /// It is with this server, after so many others.
    pub(crate) fn tried(&mut self, link: &Rc<Link>, retries: u32) {
        self.link = Some(link.clone());
        self.retries = retries;
    }

    /// What it is known by.
    pub(crate) fn named(&mut self, names: &Names) {
        if let Some(entry) = &mut self.entry {
            entry.names = Some(names.clone());
        }
    }

    /// The answer's head is on its way.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        if let Some(entry) = &mut self.entry {
            entry.status = Some(status);
        }
    }

    /// Some of the answer's body is.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(entry) = &mut self.entry {
            entry.sent_bytes += bytes as u64;
        }
    }

    /// The answer has ended. The first word counts.
    pub(crate) fn ended(&mut self, ended: Ended) {
        if let Some(entry) = &mut self.entry
            && entry.ended == Ended::ByClient
        {
            entry.ended = ended;
        }
    }
}

/// Where HTTP/2 has what is the Host header of HTTP/1.
fn authority(uri: &Uri) -> Option<HeaderValue> {
    HeaderValue::from_str(uri.authority()?.as_str()).ok()
}

impl Drop for Record {
    fn drop(&mut self) {
        let Some(entry) = self.entry.take() else { return };
        let asked = entry.asked.as_ref().map(|asked| format::Request {
            method: &asked.method,
            target: asked.uri.path_and_query().map_or("*", |target| target.as_str()),
            version: asked.version,
            host: asked.host.as_ref().map(HeaderValue::as_bytes),
            referer: asked.referer.as_ref().map(HeaderValue::as_bytes),
            user_agent: asked.user_agent.as_ref().map(HeaderValue::as_bytes),
        });
        let names = entry.names.as_ref();
        let unanswered = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST);
        entry.worker.lines.write(&Line {
            client: entry.client,
            request: asked,
            status: entry.status.unwrap_or(unanswered),
            sent_bytes: entry.sent_bytes,
            elapsed_us: entry.began.elapsed().as_micros() as u64,
            pool: self.pool.as_ref().map(|view| view.pool.config.name.as_str()),
            server: self.link.as_ref().map(|link| link.server.address),
            retries: self.retries,
            request_id: names.map(|names| names.request_id.as_bytes()),
            trace_id: names.and_then(|names| trace::trace_id(names.traceparent.as_ref()?)),
            tls: entry.tls,
            ended: match entry.ended {
                Ended::Complete => "complete",
                Ended::ByClient => "client",
                Ended::ByServer => "server",
            },
        });
    }
}
