//! The cases: which fault, who meets it, and what is asked of the balancer then.

use std::time::Duration;

use http::Method;

use super::fault::{Fault, Order};

/// In most cases.
pub(super) const WARM_UP: Duration = Duration::from_secs(1);

/// Where many requests are sent again.
pub(super) const SAVED_UP: Duration = Duration::from_secs(10);

/// One server of three gets a fault under load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    /// What the server does, as a reader of the table wants it.
    pub(super) name: &'static str,
    pub(super) order: Order,
    /// With [pools.hedge], which is off by default.
    pub(super) hedging: bool,
    /// Whether a GET can be saved: nothing of an answer has reached the client, and the fault can be told from an
    /// answer. Then none may fail.
    pub(super) saves_gets: bool,
    /// How long the load runs before the fault.
    pub(super) warm_up: Duration,
    /// Whether the short run has it.
    pub(super) quick: bool,
}

const fn case(name: &'static str, fault: Fault, checks_too: bool) -> Case {
    Case {
        name,
        order: Order { fault, checks_too },
        hedging: false,
        saves_gets: true,
        warm_up: WARM_UP,
        quick: false,
    }
}

const fn quick(case: Case) -> Case {
    Case { quick: true, ..case }
}

/// It is in the nature of the fault that clients see it.
const fn seen(case: Case) -> Case {
    Case {
        saves_gets: false,
        ..case
    }
}

/// All requests that wait for the server are sent again at once when it is found dead. The budget of retries for that is
/// saved up in ten seconds of load.
const fn saved_up(case: Case) -> Case {
    Case {
        warm_up: SAVED_UP,
        ..case
    }
}

const fn hedged(case: Case) -> Case {
    Case { hedging: true, ..case }
}

/// All of them.
pub(super) const CASES: [Case; 14] = [
    quick(case("refuses connections", Fault::Refuses, true)),
    case("closes connections at once", Fault::ClosesAtOnce, true),
    saved_up(case("accepts and never reads", Fault::NeverReads, true)),
    saved_up(case("hangs: reads, never answers", Fault::Hangs, true)),
    quick(seen(case("hangs: reads, never answers", Fault::Hangs, false))),
    seen(hedged(case("hangs, with hedging on", Fault::Hangs, false))),
    quick(case("resets before the answer", Fault::Resets, false)),
    case("resets after half a head", Fault::ResetsInHead, false),
    quick(case("answers what is not HTTP", Fault::Garbage, false)),
    quick(seen(case("closes in a body with a length", Fault::CutsLength, false))),
    seen(case("closes in a chunked body", Fault::CutsChunks, false)),
    quick(seen(case("answers 500 to one in ten", Fault::FailsOneInTen, false))),
    case("answers 300 ms late", Fault::Slow, false),
    hedged(case("answers 300 ms late, with hedging on", Fault::Slow, false)),
];

impl Case {
    /// Whether requests of this method are sent in it.
    pub(super) fn has(&self, method: &Method) -> bool {
        // Only what changes nothing is ever hedged.
        !self.hedging || *method == Method::GET
    }

    /// What the checks find, for the table.
    pub(super) fn checks(&self) -> &'static str {
        if self.order.checks_too { "fail too" } else { "pass" }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::origin::SLOW_MS;
    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let names: HashSet<_> = CASES.iter().map(|case| (case.name, case.order.checks_too)).collect();
        assert_eq!(names.len(), CASES.len());
    }

    #[test]
    fn names_say_what_the_server_does() {
        for case in CASES.iter().filter(|case| case.order.fault == Fault::Slow) {
            assert!(case.name.contains(&format!("{SLOW_MS} ms late")), "{}", case.name);
        }
    }
}
