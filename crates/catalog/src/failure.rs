//! Why one attempt on one node failed, and whether the node is to blame.

use std::time::Duration;

use sqlx::postgres::PgDatabaseError;

use crate::Error;

/// The outcome of an attempt that did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The monitor gave the node up while we waited for it.
    Gone,
    /// No connection became free.
    Busy { waited: Duration },
    /// No connection could be opened.
    Connect(sqlx::Error),
    /// The node did not answer.
    Silent { waited: Duration },
    /// The node or the driver said no.
    Query(sqlx::Error),
    /// No fault of the node: what was asked comes to this error on every node.
    Refused(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// What a Postgres error means for the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// This node cannot, another may.
    Node,
    /// The statement timeout.
    TooSlow,
    /// Somebody else held what was asked for, for as long as the lock timeout.
    Locked,
    /// Text with a character that cannot be stored.
    BadText,
    /// The node takes no writes (any more).
    ReadOnly,
    /// A bug of ours.
    Bug,
}

/// Error codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn meaning(code: &str) -> Meaning {
    match code {
        // Shutting down, crashed, starting up; too many connections; out of memory or disk; a replica that had to
        // cancel a query to go on replaying, or a deadlock; a transaction that was left alone for too long; a plan that a
        // migration has made invalid.
        "57P01" | "57P02" | "57P03" | "53300" | "53200" | "53100" | "40001" | "40P01" | "25P03" | "0A000" => {
            Meaning::Node
        }
        "57014" => Meaning::TooSlow,
        "55P03" => Meaning::Locked,
        "22021" | "22P05" => Meaning::BadText,
        "25006" => Meaning::ReadOnly,
        code if code.starts_with("08") || code.starts_with("58") || code.starts_with("28") => Meaning::Node,
        _ => Meaning::Bug,
    }
}

fn meaning_of(error: &sqlx::Error) -> Meaning {
    match error {
        sqlx::Error::Database(error) => meaning(
            error
                .try_downcast_ref::<PgDatabaseError>()
                .map_or("", PgDatabaseError::code),
        ),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => Meaning::Node,
        _ => Meaning::Bug,
    }
}

/// Whether a statement failed because of the values in it: Postgres's classes 22 (data), 23 (constraints) and 54 (limits,
/// such as a value too long for an index).
pub(crate) fn blames_values(error: &Error) -> bool {
    match error {
        Error::BadText => true,
        Error::Database(sqlx::Error::Database(error)) => {
            let code = error.code().unwrap_or_default();
            ["22", "23", "54"].iter().any(|class| code.starts_with(class))
        }
        _ => false,
    }
}

/// Whether the connection that gave this error can be used again.
pub(crate) fn connection_survives(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            // 0A000: the connection holds the plan that no longer fits.
            !code.starts_with("57P") && !code.starts_with("08") && code != "0A000" && code != "25006" && code != "25P03"
        }
        _ => false,
    }
}

impl Failure {
    /// Another node may do better, and asking it is safe for a read.
    pub(crate) fn blames_node(&self) -> bool {
        match self {
            Self::Gone | Self::Busy { .. } | Self::Connect(_) | Self::Silent { .. } => true,
            Self::Query(error) => matches!(meaning_of(error), Meaning::Node),
            Self::Refused(_) => false,
        }
    }

    /// Another attempt at a transaction may do better.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Gone | Self::Busy { .. } | Self::Connect(_) | Self::Silent { .. } => true,
            Self::Query(error) => matches!(meaning_of(error), Meaning::Node | Meaning::ReadOnly | Meaning::Locked),
            Self::Refused(_) => false,
        }
    }

    /// As the answer to COMMIT: it certainly came to nothing. Everything else that goes wrong there may have come after
    /// the commit.
    pub(crate) fn rolled_back(&self) -> bool {
        match self {
            Self::Query(sqlx::Error::Database(error)) => {
                let code = error.code().unwrap_or_default();
                matches!(&*code, "40001" | "40P01" | "25P03") || code.starts_with("23")
            }
            _ => false,
        }
    }

    /// The error of a read that has no node left to ask.
    pub(crate) fn into_read_error(self) -> Error {
        match self {
            Self::Gone | Self::Connect(_) => Error::NoReader,
            Self::Busy { waited } | Self::Silent { waited } => timeout(waited),
            Self::Refused(error) => error,
            Self::Query(error) => match meaning_of(&error) {
                Meaning::Node => Error::NoReader,
                Meaning::TooSlow | Meaning::Locked => Error::TooSlow,
                Meaning::BadText => Error::BadText,
                Meaning::ReadOnly | Meaning::Bug => Error::Database(error),
            },
        }
    }

    /// The error of a write of which nothing took place.
    pub(crate) fn not_applied(self) -> Error {
        match self {
            Self::Gone | Self::Connect(_) => Error::NoPrimary,
            Self::Busy { waited } | Self::Silent { waited } => timeout(waited),
            Self::Query(error) => match meaning_of(&error) {
                Meaning::Node | Meaning::ReadOnly => Error::NoPrimary,
                Meaning::TooSlow | Meaning::Locked => Error::TooSlow,
                Meaning::BadText => Error::BadText,
                Meaning::Bug => Error::Database(error),
            },
            Self::Refused(error) => error,
        }
    }

    /// The error of a statement that is a transaction by itself, and had been sent for `elapsed`. Where the primary fell
    /// silent or was lost it may have taken place all the same.
    pub(crate) fn into_write_error(self, elapsed: Duration) -> Error {
        let lost = match &self {
            Self::Silent { .. } | Self::Gone => true,
            Self::Query(error) => meaning_of(error) == Meaning::Node,
            Self::Connect(_) | Self::Busy { .. } | Self::Refused(_) => false,
        };
        match lost {
            true => Error::Unknown {
                waited_ms: elapsed.as_millis() as u64,
            },
            false => self.not_applied(),
        }
    }
}

fn timeout(waited: Duration) -> Error {
    Error::Timeout {
        deadline_ms: waited.as_millis() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_on_the_way_may_have_taken_place_and_is_worth_another_attempt() {
        for failure in [
            Failure::Gone,
            Failure::Silent { waited: Duration::ZERO },
            Failure::Query(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())),
        ] {
            assert!(failure.is_passing() && !failure.rolled_back(), "{failure:?}");
        }
        let refused = Failure::Refused(Error::KeyReused);
        assert!(!refused.is_passing());
        assert!(matches!(refused.not_applied(), Error::KeyReused));
    }

    #[test]
    fn a_node_that_stops_or_starts_is_to_blame_and_a_bad_query_is_not() {
        for code in ["57P01", "57P02", "57P03", "08006", "53300", "40001"] {
            assert_eq!(meaning(code), Meaning::Node, "{code}");
        }
        assert_eq!(meaning("57014"), Meaning::TooSlow);
        assert_eq!(meaning("55P03"), Meaning::Locked);
        assert_eq!(meaning("25006"), Meaning::ReadOnly);
        assert_eq!(meaning("42703"), Meaning::Bug);
    }
}
