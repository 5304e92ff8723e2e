//! What may be wrong with an app server, and how a drill's server is told to
//! have it.

use std::str::FromStr;

/// What it does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Takes requests and never answers.
    Hangs,
    /// Accepts connections and never reads.
    NeverReads,
    /// Nobody listens any more, and what was connected is closed.
    Refuses,
    /// Closes every connection as soon as it is made.
    ClosesAtOnce,
    /// Resets the connection once it has the request.
    Resets,
    /// Resets it after half of an answer's head.
    ResetsInHead,
    /// Closes after half of a body with a length.
    CutsLength,
    /// Closes after half of a chunked body.
    CutsChunks,
    /// Answers what is not HTTP.
    Garbage,
    /// Answers every tenth request with 500.
    FailsOneInTen,
    /// Answers rightly, [`SLOW_MS`](super::origin::SLOW_MS) later.
    Slow,
}

const WORDS: [(Fault, &str); 11] = [
    (Fault::Hangs, "hangs"),
    (Fault::NeverReads, "never-reads"),
    (Fault::Refuses, "refuses"),
    (Fault::ClosesAtOnce, "closes-at-once"),
    (Fault::Resets, "resets"),
    (Fault::ResetsInHead, "resets-in-head"),
    (Fault::CutsLength, "cuts-length"),
    (Fault::CutsChunks, "cuts-chunks"),
    (Fault::Garbage, "garbage"),
    (Fault::FailsOneInTen, "fails-one-in-ten"),
    (Fault::Slow, "slow"),
];

impl Fault {
    fn word(self) -> &'static str {
        let known = WORDS.iter().find(|(fault, _)| *fault == self);
        known.map_or("", |(_, word)| word)
    }
}

/// From now on: this fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) fault: Fault,
    /// Whether the balancer's checks meet it too, or only requests do.
    pub(super) checks_too: bool,
}

const EVERYTHING: &str = "everything";
const REQUESTS: &str = "requests";

impl Order {
    /// The line that tells it.
    pub(super) fn line(self) -> String {
        let what = if self.checks_too { EVERYTHING } else { REQUESTS };
        format!("{what} {}\n", self.fault.word())
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (what, word) = line.trim_end().split_once(' ').ok_or(())?;
        let known = WORDS.iter().find(|(_, known)| *known == word);
        Ok(Self {
            fault: known.ok_or(())?.0,
            checks_too: match what {
                EVERYTHING => true,
                REQUESTS => false,
                _ => return Err(()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_understood_as_it_was_told() {
        for (fault, _) in WORDS {
            for checks_too in [false, true] {
                let order = Order { fault, checks_too };
                assert_eq!(order.line().parse(), Ok(order));
            }
        }
        assert_eq!("requests nonsense".parse::<Order>(), Err(()));
        assert_eq!("hangs".parse::<Order>(), Err(()));
    }
}
