//! What the operator can do to servers, on the admin listener:
//! `POST /pools/POOL/servers/ADDRESS/enable`, `/drain` or `/disable`.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use service::{ActionPath, Context, Refused};

use crate::pool::operator::Admin;
use crate::shared::Shared;

/// Adds the actions.
pub(crate) fn register(context: &mut Context, shared: &Arc<Shared>) {
    let shared = shared.clone();
    context.action("/pools/{pool}/servers/{address}/{word}", move |path| act(&shared, path));
}

fn act(shared: &Shared, path: &ActionPath) -> Result<Value, Refused> {
    let part = |name: &str| path.get(name).map(String::as_str).unwrap_or_default();
    let admin = match part("word") {
        "enable" => Admin::Enabled,
        "drain" => Admin::Draining,
        "disable" => Admin::Disabled,
        other => {
            return Err(Refused::not_found(format!(
                "`{other}` is none of enable, drain and disable"
            )));
        }
    };
    let (name, address) = (part("pool"), part("address"));
    let plan = shared.plan();
    let pool = plan.pools.iter().find(|pool| pool.config.name == name);
    let pool = pool.ok_or_else(|| Refused::not_found(format!("there is no pool `{name}`")))?;
    let address: SocketAddr = address
        .parse()
        .map_err(|_| Refused::not_found(format!("`{address}` is not of the form ADDRESS:PORT")))?;
    pool.set_admin(address, admin)?;
    let servers = pool.members();
    let server = servers.iter().find(|server| server.address == address);
    Ok(json!({
        "pool": name,
        "server": address,
        "admin": admin.name(),
        "in_flight": server.map_or(0, |server| server.in_flight()),
        "enabled_servers": servers.iter().filter(|server| server.is_enabled()).count(),
    }))
}
