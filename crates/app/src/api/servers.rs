//! The servers of this API, for clients that choose one from a list. Balancers
//! and the DNS choose here, so it is one: the host that was asked.

use axum::response::Response;

use crate::api::ask::Ask;
use crate::api::list::{self, Keep};
use crate::api::record::Field;

/// `{ip, name}`. Both are the name: which address of it answers is for the DNS
/// to say at each connection, and an address kept from here would outlive its node.
pub(crate) async fn servers(ask: Ask) -> Response {
    let name = ask.caller.authority.split(':').next().unwrap_or_default();
    let server = [("ip", Field::Text(name)), ("name", Field::Text(name))];
    list::records(ask.format, "server", [server], Keep::Seconds(60))
}
