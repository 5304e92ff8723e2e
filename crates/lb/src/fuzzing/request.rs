//! Of the requests that the scanner lets through there is one reading: its own,
//! hyper's, and that of RFC 9112 as [`strict`](super::strict) has it.

use super::{Cuts, hyper_reads, strict};
use crate::problem::Problem;
use crate::request::framing::{Limits, Scanner};

/// Small, so that a short input meets them.
pub(super) const LIMITS: Limits = Limits {
    head_bytes: 2048,
    target_bytes: 512,
};

/// What came of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    /// What hyper is given.
    passed: Vec<u8>,
    /// The refusal, and whether it was a body's.
    refused: Option<(Problem, bool)>,
}

/// The first byte says how the others are cut.
///
/// # Panics
/// Where an invariant is broken.
pub fn request(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else {
        return;
    };
    let whole = sift([stream]);
    agree(&whole, &sift(stream.chunks(1)));
    let (mut cuts, mut rest) = (Cuts::new(seed), stream);
    let pieces = std::iter::from_fn(|| (!rest.is_empty()).then(|| cuts.piece(&mut rest)));
    agree(&whole, &sift(pieces));

    let expected = strict::read(&whole.passed);
    for size in [whole.passed.len().max(1), 1 + usize::from(seed) % 32] {
        let found = hyper_reads::read(&whole.passed, size);
        strict::compare(&expected, &found, whole.refused.is_some());
        // hyper may see that a line goes wrong before it has ended.
        if whole.refused.is_none() && found.iter().any(|message| message.refused) {
            let ended = sift([stream, b"\r\n"]);
            assert!(ended.refused.is_some(), "hyper refuses what the scanner lets through");
        }
    }
}

/// Passes a stream through the scanner as a client's socket does: what is not
/// free yet waits, and a wish to upgrade is always passed over.
fn sift<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Verdict {
    let mut scanner = Scanner::new(LIMITS);
    let (mut passed, mut held) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut bytes = piece.to_vec();
        loop {
            let verdict = scanner.scan(&bytes);
            let free = verdict.unwrap_or_else(|refused| refused.keep);
            assert!(free <= bytes.len(), "more is passed on than there is");
            if free > 0 {
                passed.append(&mut held);
            }
            passed.extend_from_slice(&bytes[..free]);
            held.extend_from_slice(&bytes[free..]);
            if let Err(refused) = verdict {
                return Verdict {
                    passed,
                    refused: Some((refused.problem, refused.in_body)),
                };
            }
            assert!(
                held.len() <= LIMITS.head_bytes + bytes.len(),
                "a head is held beyond its limit"
            );
            if scanner.undecided().is_none() {
                break;
            }
            scanner.go_on();
            bytes = std::mem::take(&mut held);
        }
    }
    Verdict { passed, refused: None }
}

/// However a stream is cut, the same is let through and the same is refused. Only
/// of a body that is refused may more or less have been on its way.
fn agree(one: &Verdict, other: &Verdict) {
    assert_eq!(one.refused, other.refused, "cutting changes the verdict");
    if one.refused.is_some_and(|(_, in_body)| in_body) {
        let common = one.passed.len().min(other.passed.len());
        assert_eq!(
            one.passed[..common],
            other.passed[..common],
            "cutting changes what passes"
        );
    } else {
        assert_eq!(one.passed, other.passed, "cutting changes what passes");
    }
}
