//! Writes that take place once, however often they are asked for.
//!
//! The first statement of such a write claims its key; the last one keeps what became of it, in the same transaction. Two
//! at once with the same key meet at the first statement: the second waits until the first has committed, and is then
//! given what that one kept.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;

use crate::failure::Failure;
use crate::transaction::Transaction;
use crate::{Error, sql};

/// How long what a client named is kept.
const KEPT_FOR_CLIENTS: Duration = Duration::from_secs(24 * 3600);
/// Longer than any series of attempts of our own.
const KEPT_FOR_OURSELVES: Duration = Duration::from_secs(600);

/// Names one write: what is asked again under the same name is answered as it was, and not done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub(crate) key: [u8; 32],
    pub(crate) fingerprint: [u8; 32],
    pub(crate) kept_for: Duration,
}

impl IdempotencyKey {
    /// `key` is a hash of the client's key and of who the client is, so that nobody is answered what another one has
    /// asked; `fingerprint` a hash of what is asked. Kept for 24 hours.
    #[must_use]
    pub fn new(key: [u8; 32], fingerprint: [u8; 32]) -> Self {
        Self {
            key,
            fingerprint,
            kept_for: KEPT_FOR_CLIENTS,
        }
    }

    /// For a write that nobody has named, so that our own attempts at it are one.
    pub(crate) fn random() -> Self {
        Self {
            key: rand::random(),
            fingerprint: [0; 32],
            kept_for: KEPT_FOR_OURSELVES,
        }
    }
}

/// Claims `key` for this transaction: gives what became of the write if it was done before. That it was claimed before is written down too: the commit of a replay then waits
/// for the replicas as every other one does, and what it repeats is at least as safe by then.
pub(crate) async fn claim<T: DeserializeOwned>(
    transaction: &mut Transaction,
    key: &IdempotencyKey,
) -> Result<Option<T>, Failure> {
    let rows = transaction.run(&sql::idempotency::claim(key)?).await?;
    let row = rows.first().ok_or(Failure::Query(sqlx::Error::RowNotFound))?;
    let read = || Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    let (replays, fingerprint, outcome): (i64, Vec<u8>, Option<String>) = read().map_err(Failure::Query)?;
    if replays == 0 {
        return Ok(None);
    }
    if fingerprint != key.fingerprint {
        return Err(Error::KeyReused.into());
    }
    let outcome = serde_json::from_str(outcome.as_deref().unwrap_or("null"));
    outcome.map(Some).map_err(unreadable)
}

/// Keeps what became of the write that claimed `key`.
pub(crate) async fn keep<T: Serialize>(
    transaction: &mut Transaction,
    key: &IdempotencyKey,
    outcome: &T,
) -> Result<(), Failure> {
    let outcome = serde_json::to_string(outcome).map_err(unreadable)?;
    transaction.run(&sql::idempotency::keep(key, &outcome)?).await.map(drop)
}

fn unreadable(error: serde_json::Error) -> Failure {
    Failure::Query(sqlx::Error::Decode(error.into()))
}
