//! What can go wrong between us and Postgres, and whose fault it is.

use thiserror::Error;

/// Whose fault an [`Error`] is, for whoever maps it to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller asked for something that cannot be; retrying is pointless.
    Caller,
    /// No node can serve now; retrying later is safe.
    Unavailable,
    /// Ours: a bug or a schema that does not fit.
    Internal,
}

/// Why a read or write failed. Of a write nothing took place, unless the variant is [`Error::Unknown`].
#[derive(Debug, Error)]
pub enum Error {
    /// No node answers reads.
    #[error("no database node can serve reads now")]
    NoReader,
    /// No node that could be asked has reached the position that this read must not fall behind.
    #[error("no database node shows your last change yet")]
    Behind,
    /// No primary is there; reads go on.
    #[error("no database primary can take writes now")]
    NoPrimary,
    /// The node did not answer in time.
    #[error("the database did not answer within {deadline_ms} ms")]
    Timeout {
        /// How long it was waited for.
        deadline_ms: u64,
    },
    /// The primary was lost while it confirmed a write, and what became of it could not be found out in time: it may have
    /// taken place. The same again under the same [`crate::IdempotencyKey`] finds out.
    #[error(
        "the database was lost while it confirmed this write, and did not say within {waited_ms} ms whether it took place"
    )]
    Unknown {
        /// How long was tried.
        waited_ms: u64,
    },
    /// The idempotency key names another write.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The query took longer than the statement timeout.
    #[error("the query took too long")]
    TooSlow,
    /// The request holds text that Postgres cannot store, such as NUL.
    #[error("text holds a character that cannot be stored")]
    BadText,
    /// Anything else that Postgres or the driver said.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::BadText | Self::KeyReused => Fault::Caller,
            Self::NoReader
            | Self::Behind
            | Self::NoPrimary
            | Self::Timeout { .. }
            | Self::Unknown { .. }
            | Self::TooSlow => Fault::Unavailable,
            Self::Database(_) => Fault::Internal,
        }
    }
}
