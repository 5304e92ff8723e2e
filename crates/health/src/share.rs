//! How much of a pool may be out at once. Traffic that fails everywhere has its
//! cause elsewhere, and ejecting everybody would turn it into an outage.

/// Whether one more of `total` machines may be ejected when `ejected` are out
/// already and no more than `max_percent` may be. One machine of two or more
/// may always go, the last one never.
#[must_use]
pub fn may_eject(ejected: usize, total: usize, max_percent: u8) -> bool {
    let allowed = (total * usize::from(max_percent.min(100)) / 100).max(1);
    let after = ejected + 1;
    after <= allowed && after < total
}
