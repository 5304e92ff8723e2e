//! How a probe ended.

use std::fmt;

/// What a probe has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The server is well.
    Passed,
    /// It answered with another status: it is there and does not want traffic.
    Refused(u16),
    /// It answered, and not with what was expected.
    OtherBody,
    /// Nobody answered, or not in HTTP.
    Unreachable(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => formatter.write_str("ok"),
            Self::Refused(status) => write!(formatter, "the health path answered {status}"),
            Self::OtherBody => formatter.write_str("the health path's answer lacks the text in check.body"),
            Self::Unreachable(reason) => formatter.write_str(reason),
        }
    }
}
