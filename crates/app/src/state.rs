//! What every handler may reach. Nothing here belongs to a client.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use catalog::{Clicks, Database, Visitor, Write};
use http::HeaderMap;

use crate::config::{AppConfig, Limits};
use crate::consistency::Tokens;
use crate::host;
use crate::site::facets::Facets;
use crate::visitor::{SigningKey, Visitors};

/// Shared by all requests.
pub(crate) struct AppState {
    pub(crate) database: Database,
    /// Clicks that wait to be written.
    pub(crate) clicks: Arc<Clicks>,
    pub(crate) visitors: Visitors,
    pub(crate) tokens: Tokens,
    pub(crate) facets: Facets,
    pub(crate) limits: Limits,
    pub(crate) instance: String,
    api_base_url: Option<String>,
    site_base_url: Option<String>,
    database_was_seen: AtomicBool,
}

/// What the front found out about a request before any handler saw it.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The client's address, proxies seen through.
    pub(crate) client: IpAddr,
    /// `http` or `https`, as the client speaks.
    pub(crate) scheme: &'static str,
    /// Host and port as the client wrote them; may be empty.
    pub(crate) authority: String,
}

impl AppState {
    pub(crate) fn new(config: &AppConfig, database: Database, key: SigningKey, instance: String) -> Self {
        Self {
            clicks: Arc::new(Clicks::new(database.clone())),
            database,
            tokens: Tokens::new(&key),
            visitors: Visitors::new(key, config.trusted_proxies.clone()),
            facets: Facets::default(),
            limits: config.limits.clone(),
            instance,
            api_base_url: config.api_base_url.clone(),
            site_base_url: config.site_base_url.clone(),
            database_was_seen: AtomicBool::new(false),
        }
    }

    /// Looks through a trusted proxy at who is calling.
    pub(crate) fn caller(&self, peer: IpAddr, uri: &http::Uri, headers: &HeaderMap) -> Caller {
        let forwarded_https = headers
            .get("x-forwarded-proto")
            .is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
        Caller {
            client: self.visitors.client(peer, headers),
            scheme: if forwarded_https && self.visitors.trusts(peer) {
                "https"
            } else {
                "http"
            },
            authority: host::authority(uri, headers).to_owned(),
        }
    }

    /// A node has answered: from now on, none answering is an outage and no start.
    pub(crate) fn saw_database(&self) {
        self.database_was_seen.store(true, Ordering::Relaxed);
    }

    pub(crate) fn database_was_seen(&self) -> bool {
        self.database_was_seen.load(Ordering::Relaxed)
    }

    /// Where the API is, for whoever reads this answer; empty when that cannot be told.
    pub(crate) fn api_base(&self, caller: &Caller) -> String {
        base(self.api_base_url.as_deref(), caller, "api")
    }

    /// Where the site is; empty when that cannot be told.
    pub(crate) fn site_base(&self, caller: &Caller) -> String {
        base(self.site_base_url.as_deref(), caller, "www")
    }

    /// Writes, for as long as a client should wait: a failover is over by then.
    pub(crate) fn write(&self) -> Write {
        self.database.write().within(self.limits.write_deadline())
    }

    /// The caller as the database may know it.
    pub(crate) fn visitor(&self, caller: &Caller) -> Visitor {
        self.visitors.visitor(caller.client)
    }
}

fn base(configured: Option<&str>, caller: &Caller, label: &str) -> String {
    match configured {
        Some(url) => url.to_owned(),
        None => host::sibling(&caller.authority, label)
            .map(|authority| format!("{}://{authority}", caller.scheme))
            .unwrap_or_default(),
    }
}
