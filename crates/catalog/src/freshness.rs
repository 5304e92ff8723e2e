//! How fresh a read must be, and which nodes are.
//!
//! Log sequence numbers compare only within one timeline, and yet a position of an older one can be met on the present
//! one. Say that a session saw position L of timeline T, and the cluster is on C > T by now. An acknowledged write of T
//! lies before the point S where C branched off, since the promoted node had it. A node on C whose position has reached
//! L has all of T up to the smaller of L and S: if L <= S, all that the session saw; if L > S, all of T that was
//! acknowledged, as the rest of T was never confirmed and is lost. So the numbers may be compared as they are. The primary
//! of C holds S by what it is, whatever L. A position of a timeline that nobody here has seen yet is met by nobody.

use crate::Position;
use crate::topology::View;

/// How fresh what a read shows must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freshness {
    /// At most ten seconds behind the primary, while a node that is can be asked.
    #[default]
    Bounded,
    /// At least as fresh as any node was last seen to be, which is some 250 ms ago at most.
    Newest,
    /// Never older than this. A position of another cluster says nothing about this one and counts as
    /// [`Freshness::Newest`].
    AtLeast(Position),
}

impl Position {
    /// The later of two, `other` where they are of two clusters.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        let keeps = self.system == other.system && (self.timeline, self.lsn) > (other.timeline, other.lsn);
        if keeps { self } else { other }
    }
}

impl Freshness {
    /// The position that a node must have reached, as things are in `view`.
    pub(crate) fn needed(self, view: &View) -> Option<Position> {
        match self {
            Self::Bounded => None,
            Self::AtLeast(position) if Some(position.system) == view.system => Some(position),
            Self::AtLeast(_) | Self::Newest => newest(view),
        }
    }
}

/// The furthest that a node in use is known to be.
fn newest(view: &View) -> Option<Position> {
    let lsn = view.in_use().map(|(_, sample)| sample.position).max()?;
    Some(Position {
        system: view.system?,
        timeline: view.timeline,
        lsn,
    })
}

/// Whether a node in use was known to have reached `needed` when it was last asked. It may have got there since.
pub(crate) fn holds(view: &View, node: usize, needed: Position) -> bool {
    if needed.timeline > view.timeline {
        return false;
    }
    view.primary == Some(node)
        || view
            .in_use()
            .any(|(index, sample)| index == node && sample.timeline == view.timeline && sample.position >= needed.lsn)
}
