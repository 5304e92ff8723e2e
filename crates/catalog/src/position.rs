//! Where in the write-ahead log a write is: what a later read needs to know to see it.

/// A place in the write-ahead log of one cluster.
///
/// Log sequence numbers compare only within one timeline of one system: after a failover the new primary goes on from
/// where it was promoted, and the old one may have written further on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The cluster's system identifier.
    pub system: i64,
    /// The timeline, one more with each promotion.
    pub timeline: i32,
    /// Bytes of WAL from the beginning of the log.
    pub lsn: i64,
}

/// What a write gave, and the position from which reads see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<T> {
    /// What the write gave.
    pub value: T,
    /// Flushed on the primary, and never before the write's own commit.
    pub position: Position,
}
