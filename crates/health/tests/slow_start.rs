//! Properties of the slow start.

use std::time::Duration;

use health::SlowStart;
use proptest::prelude::*;

#[test]
fn it_begins_with_a_tenth_and_ends_with_all() {
    let start = SlowStart {
        length: Duration::from_secs(10),
    };
    assert_eq!(start.share(Duration::ZERO), SlowStart::WHOLE / 10);
    assert_eq!(start.share(Duration::from_secs(5)), 11);
    assert_eq!(start.share(Duration::from_secs(10)), SlowStart::WHOLE);
}

#[test]
fn without_a_length_all_is_there_at_once() {
    assert_eq!(SlowStart::default().share(Duration::ZERO), SlowStart::WHOLE);
}

proptest! {
    #[test]
    fn a_share_never_shrinks_and_keeps_between_the_first_and_the_whole(
        length in 0u64..100_000,
        earlier in 0u64..200_000,
        later in 0u64..200_000,
    ) {
        let start = SlowStart { length: Duration::from_millis(length) };
        let (earlier, later) = (earlier.min(later), earlier.max(later));
        let (before, after) = (start.share(Duration::from_millis(earlier)), start.share(Duration::from_millis(later)));
        prop_assert!(before <= after);
        prop_assert!((SlowStart::FIRST..=SlowStart::WHOLE).contains(&before));
    }
}
