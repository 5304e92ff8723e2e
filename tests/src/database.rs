//! The database of the compose stack, as its own Patroni tells it: which node is the primary is asked, never assumed.

use std::time::Duration;

use serde_json::Value;

use crate::compose::Compose;
use crate::poll;

/// Services that run Postgres.
const NODES: [&str; 3] = ["pg-1", "pg-2", "pg-3"];
/// Services that run etcd.
const ETCD: [&str; 3] = ["etcd-1", "etcd-2", "etcd-3"];

/// The lease of a primary that was killed runs for 20 s; a node that comes back may have to be rewound.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);

/// What Patroni answers to `GET /cluster`, asked from within: the port is not published.
const CLUSTER: &str = r"
    exec 3<>/dev/tcp/127.0.0.1/8008
    printf 'GET /cluster HTTP/1.0\r\n\r\n' >&3
    timeout 3 cat <&3";

/// One node, as the cluster knows it.
#[derive(Debug)]
struct Member {
    name: String,
    role: String,
    state: String,
}

/// The primary's service, once all three nodes are well: one primary, and two replicas that stream from it and that a
/// commit may wait for.
///
/// # Panics
/// When that is not so within two minutes.
pub async fn settled(stack: &Compose) -> String {
    poll::until("one primary and two replicas", SETTLED_WITHIN, async || {
        let members = members(stack);
        let count = |role: &str, state: &str| {
            let is = |member: &&Member| member.role == role && member.state == state;
            members.iter().filter(is).count()
        };
        let primary = members.iter().find(|member| member.role == "leader");
        match primary {
            Some(primary) if count("leader", "running") == 1 && count("quorum_standby", "streaming") == 2 => {
                Ok(primary.name.clone())
            }
            _ => Err(members),
        }
    })
    .await
}

/// A node that is not the primary.
///
/// # Panics
/// Never: there are three.
pub fn another_than(primary: &str) -> &'static str {
    NODES
        .into_iter()
        .find(|node| *node != primary)
        .expect("there are three nodes")
}

/// The service whose etcd leads.
///
/// # Panics
/// When none does.
pub fn etcd_leader(stack: &Compose) -> &'static str {
    let leads = |service: &str| {
        let said = stack.run(&["exec", "-T", service, "etcdctl", "endpoint", "status", "-w", "json"]);
        let status: Value = serde_json::from_str(&said).expect("JSON from etcdctl");
        let status = &status[0]["Status"];
        status["leader"] == status["header"]["member_id"]
    };
    ETCD.into_iter()
        .find(|service| leads(service))
        .expect("a leader of etcd")
}

/// All nodes, as any of them tells it; none when nobody does.
fn members(stack: &Compose) -> Vec<Member> {
    NODES.iter().find_map(|node| asked_of(stack, node)).unwrap_or_default()
}

fn asked_of(stack: &Compose, node: &str) -> Option<Vec<Member>> {
    let answer = stack.try_run(&["exec", "-T", node, "bash", "-c", CLUSTER])?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let cluster: Value = serde_json::from_str(body).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let members = cluster["members"].as_array()?.iter().map(|member| Member {
        name: text(&member["name"]),
        role: text(&member["role"]),
        state: text(&member["state"]),
    });
    Some(members.collect())
}
