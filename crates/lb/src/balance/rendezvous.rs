//! Consistent hashing by highest random weight ("rendezvous"): for each key every
//! server draws a number that depends on nothing but the two, and the best one has
//! the key. A server that leaves moves its own keys and no others, each to whoever
//! drew next best; shares follow weights exactly; there is no table to build, and
//! two balancers agree without a word. Costs a few nanoseconds a server.

use std::net::{IpAddr, SocketAddr};

/// A key's hash (FNV-1a): short, the same on every machine.
pub(super) fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What stands for a server. Taken from its address, so that it is the same after
/// a restart and on every balancer.
pub(super) fn seed(address: SocketAddr) -> u64 {
    let port = address.port().to_be_bytes();
    mix(match address.ip() {
        IpAddr::V4(ip) => hash(ip.octets().into_iter().chain(port)),
        IpAddr::V6(ip) => hash(ip.octets().into_iter().chain(port)),
    })
}

/// The server that has this key.
pub(super) fn best(key: u64, seeds: &[u64], weights: &[u32]) -> Option<usize> {
    let drawn = seeds
        .iter()
        .zip(weights)
        .map(|(seed, weight)| draw(key, *seed, *weight));
    let best = drawn.enumerate().min_by(|left, right| left.1.total_cmp(&right.1));
    best.map(|(index, _)| index)
}

/// All servers, in the order in which they would take this key.
pub(super) fn ranked(key: u64, seeds: &[u64], weights: &[u32]) -> Vec<usize> {
    let drawn = |index: usize| draw(key, seeds[index], weights[index]);
    let mut ranked: Vec<usize> = (0..seeds.len()).collect();
    ranked.sort_by(|left, right| drawn(*left).total_cmp(&drawn(*right)));
    ranked
}

/// The less the better: a waiting time whose rate is the weight, so that of several
/// servers each is first as often as its weight says.
fn draw(key: u64, seed: u64, weight: u32) -> f64 {
    // 53 bits are what an f64 holds; half a step keeps it from being zero.
    let uniform = ((mix(key ^ seed) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    -uniform.ln() / f64::from(weight)
}

/// Spreads the smallest difference over all bits (the finaliser of SplitMix64).
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seeds(count: u8) -> Vec<u64> {
        let address = |last| SocketAddr::from(([10, 0, 0, last], 8000));
        (1..=count).map(|last| seed(address(last))).collect()
    }

    fn key(number: u32) -> u64 {
        hash(format!("user-{number}").into_bytes())
    }

    #[test]
    fn shares_follow_the_weights() {
        let (seeds, weights) = (seeds(4), [1, 2, 3, 4]);
        let mut had = [0u32; 4];
        for number in 0..20_000 {
            had[best(key(number), &seeds, &weights).expect("one")] += 1;
        }
        for (had, weight) in had.iter().zip(weights) {
            let expected = 2000 * weight;
            assert!(had.abs_diff(expected) < expected / 10, "{had} instead of {expected}");
        }
    }

    proptest! {
        #[test]
        fn a_server_that_leaves_moves_its_own_keys_only(
            weights in prop::collection::vec(1u32..=256, 2..10),
            leaving in any::<prop::sample::Index>(),
            number in any::<u32>(),
        ) {
            let seeds = seeds(weights.len() as u8);
            let leaving = leaving.index(weights.len());
            let before = ranked(key(number), &seeds, &weights);
            prop_assert_eq!(best(key(number), &seeds, &weights), before.first().copied());
            let without = |index: &usize| *index != leaving;
            let left: Vec<usize> = (0..weights.len()).filter(without).collect();
            let left_seeds: Vec<u64> = left.iter().map(|index| seeds[*index]).collect();
            let left_weights: Vec<u32> = left.iter().map(|index| weights[*index]).collect();
            let after = best(key(number), &left_seeds, &left_weights).map(|index| left[index]);
            prop_assert_eq!(after, before.into_iter().find(without));
        }

        #[test]
        fn a_server_that_gains_weight_takes_keys_and_gives_none_away(
            weights in prop::collection::vec(1u32..=256, 2..10),
            gaining in any::<prop::sample::Index>(),
            number in any::<u32>(),
        ) {
            let seeds = seeds(weights.len() as u8);
            let gaining = gaining.index(weights.len());
            let before = best(key(number), &seeds, &weights);
            let mut heavier = weights;
            heavier[gaining] += 100;
            let after = best(key(number), &seeds, &heavier);
            prop_assert!(after == before || after == Some(gaining));
        }
    }
}
