//! A client of etcd's JSON gateway, as far as it is needed: a consistent look at two folders,
//! guarded transactions, leases.
//!
//! Numbers of 64 bits are strings in that JSON, and bytes are base64.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::http::{HttpError, post};

/// Why etcd gave nothing. The machines that run it are at fault, or the way to them.
#[derive(Debug, thiserror::Error)]
pub enum EtcdError {
    /// The last member that was asked did not answer; the others had not either.
    #[error("no member of etcd answers; the last one: {0}")]
    Unreachable(String),
    /// An answer that is not in etcd's form.
    #[error("etcd's answer makes no sense: {0}")]
    Answer(String),
}

/// A key as etcd has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it holds.
    pub value: String,
    /// The revision of its last change.
    pub revision: i64,
    /// The lease that it hangs on; 0 is none.
    pub lease: i64,
}

/// What must hold for a transaction to change anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The key's last change was at this revision.
    Unchanged(String, i64),
    /// The key exists and holds just this.
    Holds(String, String),
}

/// What a transaction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Writes a key that hangs on no lease.
    Put(String, String),
    /// Deletes a key; one that is not there is no fault.
    Delete(String),
}

/// Speaks to whichever member answers.
#[derive(Debug)]
pub struct Client {
    endpoints: Vec<Uri>,
    /// For one attempt with one member.
    deadline: Duration,
    /// The member that answered last.
    good: AtomicUsize,
}

impl Client {
    /// A client of these members, `http://host:port` each, giving each `deadline` an attempt.
    #[must_use]
    pub fn new(endpoints: Vec<Uri>, deadline: Duration) -> Self {
        Self {
            endpoints,
            deadline,
            good: AtomicUsize::new(0),
        }
    }

    /// Both folders as they were at one moment, by the names within each. The read is
    /// linearizable: it shows everything that was written before it was asked for.
    ///
    /// # Errors
    /// No member answers.
    pub async fn snapshot(&self, folders: [&str; 2]) -> Result<[BTreeMap<String, Entry>; 2], EtcdError> {
        let ranges: Vec<Value> = folders
            .iter()
            .map(|folder| json!({ "request_range": { "key": encode(folder), "range_end": encode_end(folder) } }))
            .collect();
        let answer = self.call("/v3/kv/txn", &json!({ "success": ranges })).await?;
        let [first, second] = folders;
        Ok([entries(&answer, 0, first)?, entries(&answer, 1, second)?])
    }

    /// Makes all `changes` if all `guards` hold; says whether they did.
    ///
    /// # Errors
    /// No member answers. The changes may have been made then.
    pub async fn transact(&self, guards: &[Guard], changes: &[Change]) -> Result<bool, EtcdError> {
        let compare: Vec<Value> = guards.iter().map(guard).collect();
        let success: Vec<Value> = changes.iter().map(change).collect();
        let answer = self
            .call("/v3/kv/txn", &json!({ "compare": compare, "success": success }))
            .await?;
        Ok(answer["succeeded"].as_bool().unwrap_or(false))
    }

    /// Writes a key that is gone after `seconds`, or a little more.
    ///
    /// # Errors
    /// No member answers.
    pub async fn put_for(&self, key: &str, value: &str, seconds: u32) -> Result<(), EtcdError> {
        let granted = self.call("/v3/lease/grant", &json!({ "TTL": seconds })).await?;
        let lease = number(&granted["ID"]).ok_or_else(|| EtcdError::Answer(granted.to_string()))?;
        let put = json!({ "key": encode(key), "value": encode(value), "lease": lease.to_string() });
        self.call("/v3/kv/put", &put).await.map(drop)
    }

    /// Ends a lease, and with it every key that hangs on it.
    ///
    /// # Errors
    /// No member answers, or there is no such lease.
    pub async fn revoke(&self, lease: i64) -> Result<(), EtcdError> {
        self.call("/v3/lease/revoke", &json!({ "ID": lease.to_string() }))
            .await
            .map(drop)
    }

    async fn call(&self, path: &str, body: &Value) -> Result<Value, EtcdError> {
        let body = body.to_string().into_bytes();
        let first = self.good.load(Ordering::Relaxed);
        let mut why = "none is configured".to_owned();
        for turn in 0..self.endpoints.len() {
            let index = (first + turn) % self.endpoints.len();
            match self.attempt(&self.endpoints[index], path, &body).await {
                Ok(answer) => {
                    self.good.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(reason) => why = reason,
            }
        }
        Err(EtcdError::Unreachable(why))
    }

    async fn attempt(&self, endpoint: &Uri, path: &str, body: &[u8]) -> Result<Value, String> {
        let uri: Uri = format!("{}{path}", endpoint.to_string().trim_end_matches('/'))
            .parse()
            .map_err(|error: http::uri::InvalidUri| error.to_string())?;
        let (status, answer) = post(&uri, body.to_vec(), self.deadline)
            .await
            .map_err(|error: HttpError| error.to_string())?;
        if status != StatusCode::OK {
            return Err(format!("{uri}: {status}: {}", String::from_utf8_lossy(&answer)));
        }
        serde_json::from_slice(&answer).map_err(|error| format!("{uri}: {error}"))
    }
}

fn encode(text: &str) -> String {
    STANDARD.encode(text)
}

/// The first key after all that begin with `prefix`, which ends with a slash.
fn encode_end(prefix: &str) -> String {
    STANDARD.encode(format!("{}0", prefix.trim_end_matches('/')))
}

fn decode(value: &Value) -> Option<String> {
    let Some(encoded) = value.as_str() else {
        // Empty bytes are left out of the JSON.
        return value.is_null().then(String::new);
    };
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Null => Some(0),
        Value::String(digits) => digits.parse().ok(),
        other => other.as_i64(),
    }
}

fn entries(answer: &Value, index: usize, folder: &str) -> Result<BTreeMap<String, Entry>, EtcdError> {
    let keys = &answer["responses"][index]["response_range"]["kvs"];
    let keys = keys.as_array().map(Vec::as_slice).unwrap_or_default();
    keys.iter()
        .map(|key| entry(key, folder).ok_or_else(|| EtcdError::Answer(key.to_string())))
        .collect()
}

fn entry(key: &Value, folder: &str) -> Option<(String, Entry)> {
    let name = decode(&key["key"])?.strip_prefix(folder)?.to_owned();
    let entry = Entry {
        value: decode(&key["value"])?,
        revision: number(&key["mod_revision"])?,
        lease: number(&key["lease"])?,
    };
    Some((name, entry))
}

fn guard(guard: &Guard) -> Value {
    match guard {
        Guard::Unchanged(key, revision) => json!({
            "key": encode(key), "target": "MOD", "result": "EQUAL", "mod_revision": revision.to_string(),
        }),
        Guard::Holds(key, value) => json!({
            "key": encode(key), "target": "VALUE", "result": "EQUAL", "value": encode(value),
        }),
    }
}

fn change(change: &Change) -> Value {
    match change {
        Change::Put(key, value) => json!({ "request_put": { "key": encode(key), "value": encode(value) } }),
        Change::Delete(key) => json!({ "request_delete_range": { "key": encode(key) } }),
    }
}
