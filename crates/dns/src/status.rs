//! What `/status` tells: zones and their serials, the generation, views, listeners.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use service::Context;

use crate::generation::Store;
use crate::view::Views;

/// A bound socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listener {
    pub(crate) what: &'static str,
    pub(crate) addr: SocketAddr,
}

pub(crate) fn register(context: &mut Context, store: &Arc<Store>, views: &Arc<Views>, listeners: Vec<Listener>) {
    let (of_zones, of_generation, views) = (store.clone(), store.clone(), views.clone());
    context.status("zones", move || zones(&of_zones));
    context.status("generation", move || generation(&of_generation));
    context.status("views", move || {
        let view = |view: &crate::view::View| json!({ "name": view.name(), "clients": view.clients() });
        views.iter().map(view).collect()
    });
    context.status("listeners", move || {
        let listener = |l: &Listener| json!({ "what": l.what, "addr": l.addr.to_string() });
        listeners.iter().map(listener).collect()
    });
}

fn zones(store: &Store) -> Value {
    let generation = store.current();
    let zone = |zone: &crate::zone::Zone| {
        json!({
            "origin": zone.origin().to_string(),
            "serial": zone.serial(),
            "records": zone.records(),
            "negative_ttl_s": zone.negative_ttl(),
        })
    };
    generation.zones.zones().iter().map(zone).collect()
}

fn generation(store: &Store) -> Value {
    let generation = store.current();
    let loaded_at = generation.loaded_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({
        "number": generation.number,
        "loaded_at_unix_ms": loaded_at.as_millis() as u64,
        "last_reload_failed_because": store.last_failure(),
    })
}
