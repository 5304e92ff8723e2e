//! A period of turns in which every server has exactly its share and, at every
//! moment of it, is less than one turn ahead of its share or behind it. This is
//! Tijdeman's answer to the chairman assignment problem ("The chairman assignment
//! problem", Discrete Mathematics 32, 1980): of all servers that are due for
//! another turn, the one whose turn would be overdue first.
//!
//! Compared with counting weights at each request (nginx's way) it is at least as
//! smooth, costs nothing at a request, and needs no state but one counter, so that
//! all workers can share it without a lock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Longest period. Weights that would need a longer one are rounded.
const LONGEST: u64 = 1 << 16;

/// One period for servers of these weights, none of them zero. Equal weights give
/// plain round robin.
pub(super) fn turns(weights: &[u32]) -> Vec<u32> {
    let weights = reduced(weights);
    let total: u64 = weights.iter().sum();
    // A server's n-th turn is due from the moment its share exceeds n - 1 turns,
    // and overdue when it reaches n and a little more (Tijdeman's bound).
    let slack = 2 * (weights.len() as u64).saturating_sub(1).max(1);
    let due = |index: usize, turn: u64| -> u64 {
        // share(k) >= turn + 1/slack, so that k >= (turn * slack + 1) * total / (weight * slack)
        ((turn * slack + 1) * total).div_ceil(weights[index] * slack)
    };
    let overdue = |index: usize, turn: u64| -> u64 {
        // share(k) < turn + 1 - 1/slack is the last moment without it.
        ((turn + 1) * slack - 1) * total / (weights[index] * slack)
    };
    let mut waiting: BinaryHeap<Reverse<(u64, usize)>> = (0..weights.len())
        .map(|index| Reverse((due(index, 0), index)))
        .collect();
    let mut ready: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut taken = vec![0; weights.len()];
    let mut turns = Vec::with_capacity(total as usize);
    for moment in 1..=total {
        while let Some(Reverse((from, index))) = waiting.peek().copied()
            && from <= moment
        {
            waiting.pop();
            ready.push(Reverse((overdue(index, taken[index]), index)));
        }
        // Somebody is always due: so far fewer turns were given than shares grew.
        // Rounding can make it the next one instead.
        let Some(Reverse((_, index))) = ready.pop().or_else(|| waiting.pop()) else {
            break;
        };
        turns.push(index as u32);
        taken[index] += 1;
        if taken[index] < weights[index] {
            waiting.push(Reverse((due(index, taken[index]), index)));
        }
    }
    turns
}

/// The smallest weights of the same proportions, or nearly the same where the
/// period would become too long.
fn reduced(weights: &[u32]) -> Vec<u64> {
    let mut weights: Vec<u64> = weights.iter().map(|weight| u64::from(*weight).max(1)).collect();
    let total: u64 = weights.iter().sum();
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    if total / divisor <= LONGEST {
        for weight in &mut weights {
            *weight /= divisor;
        }
    } else {
        for weight in &mut weights {
            *weight = (*weight * LONGEST / total).max(1);
        }
    }
    weights
}

fn greatest_common_divisor(left: u64, right: u64) -> u64 {
    if right == 0 {
        left
    } else {
        greatest_common_divisor(right, left % right)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_weights_take_turns() {
        assert_eq!(turns(&[7, 7, 7]), [0, 1, 2]);
        assert_eq!(turns(&[3]), [0]);
        assert_eq!(turns(&[]), Vec::<u32>::new());
    }

    #[test]
    fn a_heavy_server_does_not_get_all_its_turns_at_once() {
        assert_eq!(turns(&[2, 1]), [0, 1, 0]);
        let period = turns(&[5, 1, 1]);
        let twice = [period.clone(), period].concat();
        let longest = twice.chunk_by(PartialEq::eq).map(<[u32]>::len).max();
        assert!(longest <= Some(3), "{twice:?}");
    }

    #[test]
    fn weights_that_do_not_fit_into_a_period_are_nearly_kept() {
        let weights: Vec<u32> = (0..2000).map(|index| 1 + index % 256).collect();
        let turns = turns(&weights);
        assert!(turns.len() <= (LONGEST as usize) + weights.len());
        assert!((0..2000).all(|index| turns.contains(&index)));
    }

    proptest! {
        #[test]
        fn over_a_period_every_server_has_exactly_its_share(weights in prop::collection::vec(1u32..=256, 1..12)) {
            let turns = turns(&weights);
            let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
            for (index, weight) in weights.iter().enumerate() {
                let had = turns.iter().filter(|turn| **turn == index as u32).count() as u64;
                prop_assert_eq!(had * total, u64::from(*weight) * turns.len() as u64);
            }
        }

        #[test]
        fn at_every_moment_every_server_is_less_than_one_turn_off_its_share(
            weights in prop::collection::vec(1u32..=256, 1..12),
        ) {
            let turns = turns(&weights);
            let total: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
            let mut had = vec![0i64; weights.len()];
            for (moment, turn) in (1..).zip(&turns) {
                had[*turn as usize] += 1;
                for (had, weight) in had.iter().zip(&weights) {
                    let off = (had * total - moment * i64::from(*weight)).abs();
                    prop_assert!(off < total, "{} of {} at {}", off, total, moment);
                }
            }
        }
    }
}
